//! Random histories: whatever is done through the program, nothing is found.

use super::{Yard, board, create_board, create_list, create_task, lines, list, move_task, task};
use boardcast_core::model::{Description, Name, Title};
use boardcast_core::protocol::{Command, Slot};

/// The same seed gives the same history.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn name(&mut self, kind: &str, count: u64) -> String {
        format!("{kind}{}", self.below(count))
    }

    fn command(&mut self) -> Command {
        let (b, l, t) = (self.name("b", 3), self.name("l", 6), self.name("t", 15));
        match self.below(28) {
            0 | 1 => create_board(&b),
            2 | 3 => create_list(&l, &b),
            4..9 => create_task(&t, &l),
            9..14 => move_task(&t, &l),
            14 => Command::MoveTask {
                task_id: task(&t),
                list_id: None,
                slot: Slot::Bottom,
            },
            15 | 16 => Command::EditTask {
                task_id: task(&t),
                title: Some(Title::parse(&l).unwrap()),
                description: Some(Description::parse(&b).unwrap()),
            },
            17 => Command::EditList {
                list_id: list(&l),
                name: Some(Name::parse(&t).unwrap()),
            },
            18 => Command::EditBoard {
                board_id: board(&b),
                name: Some(Name::parse(&t).unwrap()),
            },
            19 => Command::MoveList {
                list_id: list(&l),
                slot: Slot::Top,
            },
            20 => Command::DeleteList { list_id: list(&l) },
            21 | 22 => Command::RestoreList { list_id: list(&l) },
            23 => Command::DeleteTask { task_id: task(&t) },
            24 => Command::RestoreTask { task_id: task(&t) },
            25 => Command::DeleteBoard {
                board_id: board(&b),
            },
            _ => Command::RestoreBoard {
                board_id: board(&b),
            },
        }
    }
}

#[test]
fn whatever_happens_through_the_program_the_file_stays_clean() {
    for (seed, events_kept) in [(1, 10_000), (2, 10_000), (3, 40), (4, 3), (5, 0)] {
        let mut yard = Yard::new(events_kept);
        let mut dice = Dice(seed);
        for step in 0..1_500 {
            yard.ask(dice.command());
            if dice.below(40) == 0 {
                let days = dice.below(12) as i64;
                yard.pass(days);
            }
            if dice.below(10) == 0 {
                yard.maintain();
            }
            if step % 50 == 0 {
                let report = yard.check();
                assert_eq!(lines(&report), [""; 0], "seed {seed}, step {step}");
            }
        }
        assert!(
            yard.check().tasks > 0,
            "seed {seed} has something to look at"
        );
    }
}
