//! Certificates and keys that can't be used are refused with a sentence before anything is made, and
//! renewed ones are taken over while the server runs.

use super::client::Certificate;
use crate::app::until;
use crate::program::{BINARY, check_refused, place, run, run_command, wait_for};
use boardcast_sim::program::Program;
use std::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_can_not_be_used_are_refused_with_a_sentence() {
    let (folder, data) = place();
    let [one, other] = [Certificate::new(), Certificate::new()];
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let cert = one.path().display().to_string();
    let key = one.key_path().display().to_string();
    let other_key = other.key_path().display().to_string();
    let missing = folder.path().join("missing").display().to_string();
    let text = file("text", "not a certificate");
    let broken = file("broken", "-----BEGIN CERTIFICATE-----\nAAAA");
    let nonsense = file(
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let encrypted = file(
        "encrypted",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let huge = file("huge", &"x".repeat(2 * 1024 * 1024));
    for (cert, key, says) in [
        (&missing, &key, ["--tls-cert", &missing, "No such file"]),
        (&cert, &missing, ["--tls-key", &missing, "No such file"]),
        (&text, &key, ["--tls-cert", &text, "no certificate"]),
        (&key, &key, ["--tls-cert", &key, "no certificate"]),
        (&broken, &key, ["--tls-cert", &broken, "no PEM file"]),
        (&nonsense, &key, ["--tls-cert", &nonsense, "can't be used"]),
        (&cert, &text, ["--tls-key", &text, "no key"]),
        (&cert, &cert, ["--tls-key", &cert, "no key"]),
        (&cert, &encrypted, ["--tls-key", &encrypted, "encrypted"]),
        (&huge, &key, ["--tls-cert", &huge, "larger"]),
        (
            &cert,
            &other_key,
            ["--tls-cert", &other_key, "doesn't belong"],
        ),
    ] {
        let output = run(&data, &["--tls-cert", cert, "--tls-key", key]).await;
        check_refused(&output, 1, &says);
    }
    for flag in ["--tls-cert", "--tls-key"] {
        let output = run_command(Command::new(BINARY).args([flag, &cert])).await;
        check_refused(&output, 2, &["--tls-cert", "--tls-key"]);
    }
    assert!(
        !data.exists(),
        "a data file was made by a server that never was"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_taken_over_at_a_sighup_and_a_broken_one_is_not() {
    let (_folder, data) = place();
    let [served, renewed] = [Certificate::new(), Certificate::new()];
    let (old, new) = (served.trusted(), renewed.trusted());
    let (cert, key) = (served.path(), served.key_path());
    let args = [
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let mut program = Program::start(BINARY, &data, &args, &[])
        .await
        .expect("it starts");
    let address = program.addr();
    let mut connected = old.connect(address, b"http/1.1").await;
    assert!(new.try_connect(address, b"h2").await.is_err());

    fs::copy(renewed.path(), &cert).expect("a file");
    program.signal("HUP").await.expect("it runs");
    let refused = wait_for(|| {
        let output = program.output();
        output
            .contains("the old certificate stays")
            .then_some(output)
    });
    assert!(
        refused.await.contains("doesn't belong"),
        "the key is still the old one's"
    );
    old.connect(address, b"h2").await;

    fs::copy(renewed.key_path(), &key).expect("a file");
    program.signal("HUP").await.expect("it runs");
    until("it is read", || {
        program.output().contains("read the certificate again")
    })
    .await;
    new.connect(address, b"h2").await;
    assert!(old.try_connect(address, b"h2").await.is_err());
    // Whoever was there before goes on.
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    connected.write_all(request).await.expect("it is open");
    let mut answer = [0; 15];
    connected.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert!(program.terminate().await.expect("it ends").success());
}
