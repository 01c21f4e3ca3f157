//! Certificates and keys that can't be used are refused with a sentence before anything is made.

use super::client::Certificate;
use crate::program::{BINARY, check_refused, place, run, run_command};
use std::fs;
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
