//! Builds the web app with npm and Vite, and writes a table of the files it is made of, for `src/lib.rs`.
//!
//! Everything happens in a copy under `OUT_DIR`: the tracked tree stays clean, and two cargo profiles that
//! build at once don't share a `node_modules`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the app is built from, below `web/`.
const SOURCES: [&str; 9] = [
    ".npmrc",
    "buf.gen.yaml",
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "svelte.config.js",
    "vite.config.ts",
];

/// Vite 8 needs at least this version of Node.js.
const NODE_MIN: (u32, u32) = (20, 19);

fn main() {
    if let Err(reason) = build() {
        eprintln!("error: the dashboard can't be built: {reason}");
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let (web, protos) = (manifest.join("web"), manifest.join("../proto/kizashi"));
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", web.join(source).display());
    }
    println!("cargo:rerun-if-changed={}", protos.display());
    println!("cargo:rerun-if-changed=build.rs");
    check_node()?;

    // The same places relative to each other as in the repository.
    let copy = out.join("tree/dashboard/web");
    for source in SOURCES {
        replace(&web.join(source), &copy.join(source))?;
    }
    replace(&protos, &out.join("tree/proto/kizashi"))?;
    install(&copy)?;
    let dist = out.join("dist");
    run(Command::new("npm").current_dir(&copy).args(["run", "build", "--", "--outDir"]).arg(&dist))?;
    fs::write(out.join("assets.rs"), table(&dist)?).map_err(|error| at(&out.join("assets.rs"), error))
}

fn check_node() -> Result<(), String> {
    let needed = format!("Node.js {}.{} or newer, with npm, must be on the PATH", NODE_MIN.0, NODE_MIN.1);
    for program in ["node", "npm"] {
        let output = Command::new(program)
            .arg("--version")
            .output()
            .map_err(|error| format!("{needed}; `{program}` did not start: {error}"))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let mut parts = version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if program == "node" && found < NODE_MIN {
            return Err(format!("{needed}; found {version}"));
        }
    }
    Ok(())
}

/// Installs what `package-lock.json` names, unless that very file was installed here before.
fn install(web: &Path) -> Result<(), String> {
    let lock_path = web.join("package-lock.json");
    let installed_path = web.join("node_modules/.installed-lock.json");
    let lock = fs::read(&lock_path).map_err(|error| at(&lock_path, error))?;
    if fs::read(&installed_path).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // No package of ours needs a script at its installation, so none gets to run one.
    let flags = ["ci", "--omit=dev", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    run(Command::new("npm").current_dir(web).args(flags))?;
    fs::write(&installed_path, lock).map_err(|error| at(&installed_path, error))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{command:?} ended with {}\n{stdout}{stderr}", output.status))
}

/// Replaces `to`, a file or a folder, by a copy of `from`.
fn replace(from: &Path, to: &Path) -> Result<(), String> {
    if to.is_dir() {
        fs::remove_dir_all(to).map_err(|error| at(to, error))?;
    }
    copy(from, to).map_err(|error| at(from, error))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().expect("a file is in a folder"))?;
        return fs::copy(from, to).map(drop);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The source of a slice of `Asset`, ordered by path.
fn table(dist: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    list(dist, &mut files).map_err(|error| at(dist, error))?;
    files.sort();
    let mut source = String::from("[\n");
    for file in files.iter().filter(|file| file.extension().is_none_or(|extension| extension != "gz")) {
        let path =
            file.strip_prefix(dist).expect("listed below dist").to_str().ok_or("a name is not UTF-8")?;
        let compressed = PathBuf::from(format!("{}.gz", file.display()));
        let gzip = match compressed.is_file() {
            true => format!("Some(include_bytes!({compressed:?}))"),
            false => "None".to_owned(),
        };
        let line =
            format!("    Asset {{ path: \"/{path}\", bytes: include_bytes!({file:?}), gzip: {gzip} }},");
        writeln!(source, "{line}").expect("writing to a string can't fail");
    }
    source.push_str("]\n");
    Ok(source)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => list(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

fn at(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}
