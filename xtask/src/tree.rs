//! Which files the house rules look at: everything git tracks, and what it would track next. Reads the disk; the rules
//! themselves see only text.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::source::Source;
use crate::tools;

/// The folder with the workspace's `Cargo.toml`. `cargo xtask` says which; by itself the program knows where it was
/// compiled, which is another place when that folder was moved.
pub(crate) fn root() -> PathBuf {
    let told = tools::environment("CARGO_MANIFEST_DIR");
    let xtask = told.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&xtask)
        .parent()
        .expect("xtask is a folder of the workspace")
        .to_path_buf()
}

/// Every text file of the tree, by path. Binary files and links are left out.
pub(crate) fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut paths = listed_by_git(root).map_or_else(|| walked(root), Ok)?;
    paths.sort();
    paths.dedup();
    ensure!(
        paths.iter().any(|path| path == "Cargo.toml"),
        "no files found under {}",
        root.display()
    );
    let mut sources = Vec::new();
    for path in paths {
        let file = root.join(&path);
        // Listed and gone: deleted, and git has not been told yet.
        let is_file = file.symlink_metadata().is_ok_and(|meta| meta.is_file());
        if !is_file {
            continue;
        }
        let bytes = fs::read(&file).with_context(|| format!("reading {path}"))?;
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            sources.push(Source::new(path, text));
        }
    }
    Ok(sources)
}

/// Tracked files, and new ones that aren't ignored: a rule should speak before the commit. `None` where git is absent
/// or knows nothing of this folder, as in an unpacked archive.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .current_dir(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .ok()?;
    let listing = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = listing.split_terminator('\0').map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// Folders that hold what is built, installed or left by tests.
pub(crate) const NO_SOURCES: [&str; 6] = [
    "target",
    ".git",
    "node_modules",
    "dist",
    "test-results",
    "playwright-report",
];

fn walked(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?
        {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !NO_SOURCES.iter().any(|name| entry.file_name() == *name) {
                    folders.push(path);
                }
            } else {
                let inside = path.strip_prefix(root).expect("walked from the root");
                paths.push(inside.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_finds_what_git_lists_and_skips_what_is_built() {
        let paths = walked(&root()).unwrap();
        assert!(paths.iter().any(|path| path == "xtask/src/tree.rs"));
        assert!(!paths.iter().any(|path| path.starts_with("target/")));
        assert!(!paths.iter().any(|path| path.starts_with(".git/")));
        assert!(!paths.iter().any(|path| path.starts_with("web/dist/")));
    }
}
