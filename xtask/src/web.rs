//! The checks of the interface in `web/`: what npm runs there, and how large the first screen's code may be. Tests that
//! need a browser get the built server and the browser by the environment; starting and ending them is theirs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{steps, tools};

/// Bytes of compressed JavaScript that the first screen may load.
const FIRST_SCREEN_BYTES_MAX: u64 = 60_000;

/// Installs what the lock file in `web/` names.
pub(crate) fn install(root: &Path) -> Result<()> {
    install_in(root, "web")
}

/// Installs what a folder's lock file names; does nothing if just that is installed.
pub(crate) fn install_in(root: &Path, folder: &str) -> Result<()> {
    let place = root.join(folder);
    let wanted = fs::read(place.join("package-lock.json")).context("reading the lock file")?;
    // npm begins with removing the folder, so this is there only if all of the rest is.
    let stamp = place.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("xtask: {folder}/node_modules is what package-lock.json names");
        return Ok(());
    }
    npm_in(root, folder, "ci --ignore-scripts")?;
    fs::write(&stamp, wanted).context("noting what is installed")
}

/// `npm ARGS` in `web/`.
pub(crate) fn npm(root: &Path, args: &str) -> Result<()> {
    npm_in(root, "web", args)
}

/// `npm ARGS` in a folder.
pub(crate) fn npm_in(root: &Path, folder: &str, args: &str) -> Result<()> {
    let typed = format!("npm --prefix {folder}");
    steps::run_as(&typed, npm_command(root, folder), args)
}

/// Builds the interface into `web/dist` and weighs the code that the first screen waits for.
pub(crate) fn weigh(root: &Path) -> Result<()> {
    npm(root, "run build")?;
    let dist = root.join("web/dist");
    let scripts = first_screen(&dist)?;
    let mut total = 0;
    for script in &scripts {
        total += compressed_len(&dist.join(script))?;
    }
    eprintln!(
        "xtask: the first screen loads {total} bytes of JavaScript (Brotli) in {} files; {FIRST_SCREEN_BYTES_MAX} are allowed",
        scripts.len()
    );
    ensure!(
        total <= FIRST_SCREEN_BYTES_MAX,
        "too large: {}",
        scripts.into_iter().collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

/// Runs the browser tests against the server that was built last, beside this program.
pub(crate) fn browse(root: &Path) -> Result<()> {
    let mut command = npm_command(root, "web");
    command
        .env("BOARDCAST_BIN", server("web")?)
        .env("BOARDCAST_CHROMIUM", tools::chromium()?);
    steps::run_as("npm --prefix web", command, "run e2e")
}

/// The server that was built last, beside this program; `verb` would build it.
pub(crate) fn server(verb: &str) -> Result<PathBuf> {
    let xtask = std::env::current_exe().context("where is xtask?")?;
    let server = xtask.with_file_name(format!("boardcast{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        server.is_file(),
        "{} is not built; `cargo xtask {verb}` builds it",
        server.display()
    );
    Ok(server)
}

fn npm_command(root: &Path, folder: &str) -> Command {
    let mut command = tools::npm();
    command.current_dir(root.join(folder));
    command
}

/// The scripts that the page loads before it shows anything: what it names itself, and what these import statically.
fn first_screen(dist: &Path) -> Result<BTreeSet<String>> {
    let page = fs::read_to_string(dist.join("index.html")).context("the build left no page")?;
    let mut waiting = scripts_of_page(&page);
    ensure!(!waiting.is_empty(), "the built page names no script");
    let mut scripts = BTreeSet::new();
    while let Some(script) = waiting.pop() {
        if scripts.contains(&script) {
            continue;
        }
        let code = fs::read_to_string(dist.join(&script))
            .with_context(|| format!("{script} is named and was not built"))?;
        waiting.extend(static_imports(&script, &code));
        scripts.insert(script);
    }
    Ok(scripts)
}

/// The files that `<script src>` and `<link rel="modulepreload">` name.
fn scripts_of_page(page: &str) -> Vec<String> {
    let quoted = page.split('"').filter_map(|part| part.strip_prefix('/'));
    let scripts = quoted.filter(|name| name.ends_with(".js"));
    scripts.map(str::to_owned).collect()
}

/// The files that a built script imports statically: `import"./a.js"`, `import{b}from"./a.js"`, `export*from"./a.js"`.
fn static_imports(script: &str, code: &str) -> Vec<String> {
    let folder = script.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut pieces = code.split(['"', '\'', '`']);
    let mut before = pieces.next().unwrap_or_default();
    let mut imported = Vec::new();
    for piece in pieces {
        let is_import = ["import", "from"]
            .iter()
            .any(|word| before.trim_end().ends_with(word));
        if let Some(name) = piece.strip_prefix("./")
            && is_import
            && name.ends_with(".js")
        {
            imported.push(format!("{folder}/{name}"));
        }
        before = piece;
    }
    imported
}

/// As browsers get it: compressed by the build, unless that made it no smaller.
fn compressed_len(file: &Path) -> Result<u64> {
    let compressed = file.with_added_extension("br");
    let sent = if compressed.is_file() {
        &compressed
    } else {
        file
    };
    let meta = sent
        .metadata()
        .with_context(|| format!("weighing {}", sent.display()))?;
    Ok(meta.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_loads_at_once_is_found() {
        let page = r#"<link rel="icon" href="/assets/i.svg" />
            <script type="module" crossorigin src="/assets/index-1.js"></script>
            <link rel="modulepreload" crossorigin href="/assets/core-2.js">
            <link rel="stylesheet" href="/assets/index-3.css">"#;
        assert_eq!(
            scripts_of_page(page),
            ["assets/index-1.js", "assets/core-2.js"]
        );
    }

    #[test]
    fn what_is_imported_later_does_not_count() {
        let code = r#"import{a as b}from"./a.js";import "./c.js";export*from'./d.js';const e="./e.js";const f=()=>import("./f.js");"#;
        assert_eq!(
            static_imports("assets/index.js", code),
            ["assets/a.js", "assets/c.js", "assets/d.js"]
        );
    }

    #[test]
    fn imports_of_imports_count_once() {
        let dist = std::env::temp_dir().join(format!("xtask-web-{}", std::process::id()));
        fs::create_dir_all(dist.join("assets")).unwrap();
        for (name, text) in [
            ("index.html", "<script src=\"/assets/a.js\">"),
            ("assets/a.js", "import\"./b.js\";import\"./c.js\""),
            ("assets/b.js", "import\"./c.js\""),
            ("assets/c.js", "import\"./a.js\""),
            ("assets/c.js.br", "small"),
        ] {
            fs::write(dist.join(name), text).unwrap();
        }
        let found = first_screen(&dist).unwrap();
        let lens =
            [&"assets/b.js", &"assets/c.js"].map(|name| compressed_len(&dist.join(name)).unwrap());
        fs::remove_dir_all(&dist).unwrap();
        assert_eq!(
            Vec::from_iter(found),
            ["assets/a.js", "assets/b.js", "assets/c.js"]
        );
        assert_eq!(lens, [14, 5]);
    }
}
