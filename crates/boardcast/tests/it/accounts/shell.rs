//! The command line where there are accounts.

use super::{Credential, House};
use crate::cli::{done, end, program, run, url};

#[tokio::test]
async fn a_token_in_the_environment_says_who_asks() {
    let house = House::start().await;
    let (_, token) = house.token(&house.root, "read").await;
    let Credential::Bearer(token) = token else {
        unreachable!("a token");
    };
    let boards = ["boards", "--json"];
    let nobody = format!("{:?}", run(&house.app, &boards).await);
    assert!(nobody.contains("code: Some(1)"), "{nobody}");
    let server = url(&house.app);
    let asked = program(&server, &boards)
        .env("BOARDCAST_TOKEN", &token)
        .spawn()
        .expect("it starts");
    assert!(done(end(asked).await).contains("board-1"));
    let add = ["add", "list-todo", "Not with this token"];
    let refused = program(&server, &add)
        .env("BOARDCAST_TOKEN", &token)
        .spawn()
        .expect("it starts");
    let refused = format!("{:?}", end(refused).await);
    assert!(refused.contains("code: Some(1)"), "{refused}");
    assert!(!refused.contains(&token));
    house.stop().await;
}
