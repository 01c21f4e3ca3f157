//! The server's life: starts, stops, deaths, and the writer's turns.

use super::World;
use crate::clients::State;
use crate::disk::Image;
use crate::server::{Server, Setup};
use crate::swarm::{Fault, Mistake};
use crate::watchers::{Line, Pace};
use boardcast::engine::Publisher;
use boardcast::sabotage::{Harm, Spot, arm, disarm};
use boardcast_core::access::Revocation;
use boardcast_core::frame::Segment;
use std::sync::Arc;
use std::time::Duration;

impl World<'_> {
    pub(super) fn start(&mut self) {
        self.counts.starts += 1;
        self.to_revoke.clear();
        let setup = Setup {
            retention: self.swarm.retention,
            snapshots_bytes_max: self.swarm.snapshots_bytes_max,
            mistake: self.mistake,
            random: self.random.fork(),
            now: Duration::from_millis(self.now_ms),
        };
        let (nature, gates) = (Arc::clone(&self.nature), Arc::clone(&self.gates));
        let opened = Server::open(&self.disk.data(), nature, gates, setup);
        let server = opened.unwrap_or_else(|error| panic!("the server doesn't start: {error}"));
        self.server = Some(server);
        if self.mistake != Some(Mistake::NoCheckpointAtStart) {
            self.disk.opened();
        }
        self.trace.note(format_args!("{} started", self.now_ms));
        self.recall_people();
    }

    /// The process is gone at once; this is left on the disk.
    pub(super) fn die(&mut self, left: &Image) {
        self.let_everybody_go();
        let server = self.server.take().expect("it runs");
        self.counts.fanout.add(&server.fanout.work());
        drop(server);
        self.disk.replace(left);
        disarm(Spot::ReadFails);
        self.start();
        if self.random.one_in(2) {
            self.audit();
        }
    }

    /// What was asked is answered, streams end, the file is closed.
    pub(super) fn stop(&mut self) {
        self.server().drain();
        self.settle();
        for watcher in &self.watchers {
            let reads = watcher.pace == Pace::Steady && !watcher.is_stuck(self.now_ms);
            if watcher.is_open() && reads {
                let sentence = format!("{} was not sent away", watcher.name);
                self.chronicle.object(sentence);
            }
        }
        self.let_everybody_go();
        let server = self.server.take().expect("it runs");
        self.counts.fanout.add(&server.fanout.work());
        server.close();
        self.disk.sync();
    }

    pub(super) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub(super) fn copy_or_put_back(&mut self) {
        match self.copy.take() {
            None => {
                self.audit();
                self.copy = Some((self.disk.image(), self.chronicle.moment()));
                self.copy_people();
            }
            Some((image, moment)) => {
                self.stop();
                self.disk.replace(&image);
                self.chronicle.go_back(&moment);
                self.put_people_back();
                self.start();
            }
        }
    }

    /// Every connection is gone.
    pub(super) fn let_everybody_go(&mut self) {
        self.forget_who_asked();
        for client in &mut self.clients {
            if let Some((write, asked)) = client.let_go() {
                self.chronicle.unanswered(write);
                client.state = State::Again { write, asked };
            }
        }
        for at in 0..self.watchers.len() {
            // What the kernel has of a connection arrives all the same.
            if self.watchers[at].has_socket() && self.random.one_in(2) {
                self.look_at_watcher(at);
            }
            let watcher = &mut self.watchers[at];
            if !matches!(watcher.line, Line::Down(_)) {
                let spread = self.random.below(5_000);
                watcher.lose(self.now_ms + watcher.retry_ms() + spread);
            }
        }
    }

    pub(super) fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs")
    }

    /// One turn of the writer.
    pub(super) fn turn(&mut self) -> bool {
        let power_goes = self.comes(Fault::PowerLossInCommit);
        let dies = power_goes || self.comes(Fault::KillInCommit);
        let sync_fails = self.comes(Fault::SyncFails);
        for (fault, spot) in [
            (Fault::DiskFull, Spot::DiskFull),
            (Fault::CommitFails, Spot::CommitFails),
            (Fault::SyncFails, Spot::SyncFails),
        ] {
            let fails = match fault {
                Fault::SyncFails => sync_fails,
                _ => self.comes(fault),
            };
            if fails {
                let passed = match fault {
                    Fault::DiskFull => self.swarm.random(fault).below(4),
                    _ => 0,
                };
                arm(spot, Harm::OnceAfter(passed as u32));
                self.disk_failed = true;
            }
        }
        let before = (dies || sync_fails).then(|| self.disk.image());
        let publishes = !dies || self.mistake == Some(Mistake::PublishBeforeCommit);
        let publisher = Arc::clone(&self.server().publisher);
        self.look_ahead();
        let mut turns = self.server().turns.take().expect("one turn at a time");
        let carried_out = turns.carry_out(|revocations, segments| {
            if publishes {
                self.publish(&publisher, &revocations, segments);
            }
        });
        self.server().turns = Some(turns);
        if matches!(carried_out, Ok(false)) || matches!(carried_out, Ok(true)) && !dies {
            self.know_changes();
        }
        for spot in [Spot::DiskFull, Spot::CommitFails, Spot::SyncFails] {
            disarm(spot);
        }
        match (carried_out, before) {
            (Ok(false), _) => false,
            (Ok(true), None) => {
                self.disk.sync();
                true
            }
            (Ok(true), Some(_)) if !dies => {
                self.disk.sync();
                true
            }
            (Ok(true), Some(before)) => {
                self.die_in_commit(before, power_goes);
                true
            }
            (Err(fatal), before) => {
                self.trace
                    .note(format_args!("{} fatal: {fatal}", self.now_ms));
                let before = before.expect("nothing but a sync that fails is fatal here");
                self.die_in_commit(before, power_goes);
                true
            }
        }
    }

    /// The commit was written, and nobody was told.
    pub(super) fn die_in_commit(&mut self, before: Image, power_goes: bool) {
        match self.mistake {
            Some(Mistake::PublishBeforeCommit) => {
                while self.turn_fanout() || !self.woken_watchers().is_empty() {
                    self.look_at_one_watcher();
                }
                return self.die(&before);
            }
            Some(Mistake::AnswerBeforeCommit) => {
                for at in 0..self.clients.len() {
                    self.look_at_client(at);
                }
                return self.die(&before);
            }
            _ => {}
        }
        let fault = match power_goes {
            true => Fault::PowerLossInCommit,
            false => Fault::KillInCommit,
        };
        let is_synced = self.swarm.random(fault).one_in(3);
        let now = self.disk.image();
        if is_synced {
            self.disk.sync();
        } else {
            self.disk.unsynced_since(before);
        }
        let left = match power_goes {
            true => {
                let random = self.swarm.random(fault);
                self.disk.after_power_loss(now, random)
            }
            false => now,
        };
        self.die(&left);
    }

    /// Called by the writer between its commit and its answers.
    pub(super) fn publish(
        &mut self,
        publisher: &Publisher,
        revocations: &[Revocation],
        segments: Vec<Segment>,
    ) {
        if self.comes(Fault::ReadAhead) {
            for _ in 0..4 {
                let choice = self.random.draw();
                self.gates.open_one(choice);
                self.look_at_one_watcher();
                self.look_at_one_reader(choice);
                self.turn_fanout();
            }
        }
        let raised: Vec<_> = self.watchers.iter().map(|w| w.flag.is_raised()).collect();
        let mut revocations = revocations.to_vec();
        if self.mistake == Some(Mistake::CutAfterAnswers) {
            std::mem::swap(&mut revocations, &mut self.to_revoke);
        } else {
            revocations.append(&mut self.to_revoke);
        }
        self.note_events(&segments);
        publisher.publish(&revocations, segments);
        self.server().fanout.revoked(&revocations);
        let woken: Vec<_> = (0..raised.len())
            .filter(|&at| !raised[at] && self.watchers[at].flag.is_raised())
            .collect();
        match self.mistake {
            Some(Mistake::DroppedWakeUp) if self.random.one_in(4) => {
                for at in woken {
                    self.watchers[at].flag.take();
                }
                self.server().fanout.forget_publications();
            }
            Some(Mistake::ForgottenWatcher) if !woken.is_empty() => {
                let at = *self.random.pick(&woken);
                self.watchers[at].flag.take();
            }
            _ => {}
        }
    }

    /// What the writer does when nobody asks for anything. Whoever wants to see the whole log looks
    /// before it.
    pub(super) fn maintain(&mut self) {
        self.audit();
        let publisher = Arc::clone(&self.server().publisher);
        let mut turns = self.server().turns.take().expect("one turn at a time");
        for _ in 0..4 {
            match turns.maintain(|revocations, segments| {
                publisher.publish(&revocations, segments);
            }) {
                Ok(true) => {}
                Ok(false) => break,
                Err(fatal) => panic!("nothing fails here, but {fatal}"),
            }
        }
        self.server().turns = Some(turns);
    }
}
