//! Logs, to standard error. A leaf.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging what `directives` ask for. The error says what can be asked for.
pub fn start(directives: &str) -> Result<(), String> {
    let filter = read(directives)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that can't be written must not end the process: complaining about it would panic.
        .log_internal_errors(false)
        // Colours are for a person, not for the file that the log goes to.
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

fn read(directives: &str) -> Result<EnvFilter, String> {
    let expected =
        "must be error, warn, info, debug or trace, or directives of the form target=level";
    // A word alone would be taken for the name of a target: whoever mistypes a level would read nothing.
    let is_word_alone = |directive: &str| !directive.contains(['=', '[']);
    let mut words = directives
        .split(',')
        .map(str::trim)
        .filter(|word| is_word_alone(word));
    if !words.all(|word| word.parse::<LevelFilter>().is_ok()) {
        return Err(expected.into());
    }
    EnvFilter::builder()
        .parse(directives)
        .map_err(|_| expected.into())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_level_or_directives_are_understood_and_a_mistyped_level_is_not() {
        for good in [
            "info",
            "WARN",
            "off",
            "warn,boardcast=debug",
            "boardcast::store=trace, error",
        ] {
            assert!(read(good).is_ok(), "{good:?}");
        }
        for bad in ["verbose", "inf", "info,verbose", "boardcast=loud", "a=b=c"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
