use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MANIFEST: &str =
    "[package]\nname = \"lab2\"\n[dependencies]\nraft = { path = \"../raft\" }\n";
const LAB2: [(&str, &str); 2] = [("Cargo.toml", MANIFEST), ("src/lib.rs", "pub struct Raft;")];

/// A submission of these files, as in a folder of this name.
fn of(files: &[(&str, &str)]) -> Result<Submission, Vec<String>> {
    let mut tree = Tree::default();
    for (name, text) in files {
        tree.add((*name).to_string(), text.as_bytes()).unwrap();
    }
    Submission::of("ann".to_string(), &tree)
}

/// What is said of lab 2 with this manifest and these other files.
fn complaints(manifest: &str, others: &[(&str, &str)]) -> String {
    let mut files = vec![("a/Cargo.toml", manifest), ("a/src/lib.rs", "")];
    files.extend_from_slice(others);
    of(&files).unwrap_err().join("\n")
}

/// A file in a folder of its own.
fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn read(name: &str, content: &[u8]) -> Result<Submission, Vec<String>> {
    let (_folder, path) = file(name, content);
    Submission::read(&path)
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A tar with names that no honest program would write.
fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        append(&mut tar, name, tar::EntryType::Regular, content);
    }
    tar.into_inner().unwrap()
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(content).unwrap();
    gz.finish().unwrap()
}

fn bytes<'a>(files: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    files.iter().map(|(name, text)| (*name, text.as_bytes())).collect()
}

#[test]
fn the_skeletons_are_submissions() {
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/labs");
    for lab in Lab::ALL {
        let read = Submission::read(&labs.join(lab.package())).unwrap();
        assert_eq!(read.name, lab.package());
        let [it] = &read.crates[..] else { panic!("{read:?}") };
        assert_eq!(it.lab, lab);
        assert!(it.files.contains_key("src/lib.rs") && !it.files.contains_key("src/main.rs"));
        assert!(it.dependencies.contains("tests") && it.dependencies.contains("serde"));
    }
    let all = Submission::read(&labs).unwrap();
    assert_eq!(all.crates.iter().map(|it| it.lab).collect::<Vec<_>>(), Lab::ALL);
}

#[test]
fn only_the_sources_of_the_library_count() {
    let others = [
        ("src/log/mod.rs", "x"),
        ("src/main.rs", "x"),
        ("src/bin/a.rs", "x"),
        ("tests/a.rs", "x"),
        ("benches/a.rs", "x"),
    ];
    let read = of(&[&LAB2[..], &others].concat()).unwrap();
    let files: Vec<_> = read.crates[0].files.keys().collect();
    assert_eq!(files, ["src/lib.rs", "src/log/mod.rs"]);
    assert_eq!(read.crates[0].dependencies, BTreeSet::from(["raft".to_string()]));
    assert_eq!(read.digest(), of(&[&LAB2[..], &others[..2]].concat()).unwrap().digest());
    assert_ne!(read.digest(), of(&LAB2).unwrap().digest());
}

#[test]
fn however_it_is_packed_it_is_the_same() {
    let files = [("x/lab/Cargo.toml", MANIFEST), ("x/lab/src/lib.rs", "pub struct Raft;")];
    let mut packed = bytes(&files);
    // What else is found in archives.
    packed.push(("__MACOSX/x/lab/src/._lib.rs", b"\xff\xfe"));
    packed.push(("x/lab/target/package/lab2/Cargo.toml", MANIFEST.as_bytes()));
    packed.push(("x/lab/.git/HEAD", b"main"));
    packed.push(("x/lab/notes.md", b"\xff"));
    let tar = tarred(&packed);
    let expected = Submission { name: "ann".to_string(), ..of(&LAB2).unwrap() };
    assert_eq!(read("ann.zip", &zipped(&packed)).unwrap(), expected);
    assert_eq!(read("ann.tar", &tar).unwrap(), expected);
    assert_eq!(read("ann.tar.gz", &gzipped(&tar)).unwrap(), expected);
    assert_eq!(read("ann.TGZ", &gzipped(&tar)).unwrap(), expected);
    // As a file manager of another system packs it.
    let backslashes =
        zipped(&[("lab\\Cargo.toml", MANIFEST.as_bytes()), ("lab\\src\\lib.rs", b"")]);
    assert_eq!(read("ann.zip", &backslashes).unwrap().crates.len(), 1);
}

#[test]
fn archives_stay_inside() {
    for name in ["../src/lib.rs", "a/../../src/lib.rs", "/src/lib.rs", "C:/src/lib.rs"] {
        let files = bytes(&[("Cargo.toml", MANIFEST), (name, "")]);
        for (packed, content) in [("a.zip", zipped(&files)), ("a.tar.gz", gzipped(&tarred(&files)))]
        {
            let said = read(packed, &content).unwrap_err();
            assert!(said[0].contains(name) && said[0].contains("pack the submission"), "{said:?}");
        }
    }
}

#[test]
fn links_are_refused_in_archives() {
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, "src/lib.rs", "/etc/passwd").unwrap();
        let said = read("a.tar", &tar.into_inner().unwrap()).unwrap_err();
        assert_eq!(said, ["`src/lib.rs` is a link: pack the file itself"]);
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("src/lib.rs", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let said = read("a.zip", &zip.finish().unwrap().into_inner()).unwrap_err();
    assert_eq!(said, ["`src/lib.rs` is a link: pack the file itself"]);
}

#[cfg(unix)]
#[test]
fn links_in_folders_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("lab");
    fs::create_dir_all(lab.join("src")).unwrap();
    fs::write(lab.join("Cargo.toml"), MANIFEST).unwrap();
    fs::write(lab.join("src/lib.rs"), "").unwrap();
    fs::write(folder.path().join("secret.rs"), "secret").unwrap();
    let link =
        |to: &str, from: &str| std::os::unix::fs::symlink(folder.path().join(to), lab.join(from));
    link("secret.rs", "src/secret.rs").unwrap();
    link("lab/src", "src/again").unwrap();
    let read = Submission::read(&lab).unwrap();
    assert_eq!(read.crates[0].files.keys().collect::<Vec<_>>(), ["src/lib.rs"]);
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 20 << 20];
    let hidden = [("target/a.rs", zeros.as_slice())];
    let tar = tarred(&hidden);
    for (name, content) in [("a.tar.gz", gzipped(&tar)), ("a.tar", tar)] {
        let said = read(name, &content).unwrap_err();
        assert_eq!(said, [tree::too_large()], "{name}");
    }
    let said = read("a.zip", &zipped(&[("src/lib.rs", &zeros)])).unwrap_err();
    assert!(said[0].contains("`src/lib.rs` is larger"), "{said:?}");
    let names: Vec<_> = (0..20).map(|number| format!("src/{number}.rs")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &zeros[..1 << 20])).collect();
    assert_eq!(read("a.zip", &zipped(&many)).unwrap_err(), [tree::too_large()]);
}

#[test]
fn three_thousand_files_are_too_many() {
    let names: Vec<_> = (0..3000).map(|number| format!("src/{number}.rs")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    for (name, content) in [("a.zip", zipped(&files)), ("a.tar", tarred(&files))] {
        let said = read(name, &content).unwrap_err();
        assert!(said[0].contains("more than 2000"), "{said:?}");
    }
}

#[test]
fn what_is_damaged_is_told() {
    let whole = tarred(&bytes(&LAB2));
    let cut = &whole[..whole.len() - 1024 - 506];
    for (name, content) in [
        ("a.tar", cut),
        ("a.tar.gz", &gzipped(&whole)[..60]),
        ("a.tar.gz", b"no gzip"),
        ("a.tar", &[b'x'; 600]),
        ("a.zip", b"no zip"),
        ("a.zip", &zipped(&bytes(&LAB2))[..100]),
    ] {
        let said = read(name, content).unwrap_err();
        assert!(said[0].contains("damaged"), "{name}: {said:?}");
    }
    let said = read("a.rar", b"").unwrap_err();
    assert_eq!(said, ["`a.rar` is neither a folder nor a .zip, .tar, .tar.gz or .tgz"]);
    assert!(Submission::read(Path::new("/nowhere")).unwrap_err()[0].contains("cannot be read"));
    let said = of(&[("Cargo.toml", "[package\n")]).unwrap_err();
    assert!(said[0].starts_with("`Cargo.toml` is no manifest"), "{said:?}");
    let twice = tarred(&bytes(&[LAB2[0], LAB2[1], LAB2[1]]));
    assert!(read("a.tar", &twice).unwrap_err()[0].contains("is there twice"));
}

#[test]
fn sources_are_text_and_no_folders() {
    let latin = zipped(&[("Cargo.toml", MANIFEST.as_bytes()), ("src/lib.rs", b"// caf\xe9")]);
    let said = read("a.zip", &latin).unwrap_err();
    assert!(said[0].contains("`src/lib.rs` is not UTF-8"), "{said:?}");
    let both = [("a/src/x.rs", ""), ("a/src/x.rs/y.rs", "")];
    assert!(complaints(MANIFEST, &both).contains("`src/x.rs` is a file, and a folder"));
    let said = of(&[("Cargo.toml", MANIFEST)]).unwrap_err();
    assert!(said[0].contains("no `src/lib.rs`"), "{said:?}");
}

#[test]
fn labs_are_found_at_most_four_folders_deep() {
    let at = |folder: &str| {
        let manifest = format!("{folder}Cargo.toml");
        of(&[(&manifest, MANIFEST), (&format!("{folder}src/lib.rs"), "")])
    };
    assert!(at("").is_ok() && at("a/b/c/d/").is_ok());
    assert!(at("a/b/c/d/e/").unwrap_err()[0].contains("there is no lab in it"));
    let other = "[package]\nname = \"homework\"";
    let said = of(&[("Cargo.toml", other), ("a/Cargo.toml", "[workspace]")]).unwrap_err();
    assert_eq!(
        said,
        [
            "there is no lab in it: a Cargo.toml was looked for, at most 4 folders deep, with a package \
          named `lab2`, `lab3`, `lab4a`, `lab4b`; what was found is `homework`"
        ]
    );
    let said = of(&[("a/Cargo.toml", MANIFEST), ("old/a/Cargo.toml", MANIFEST)]).unwrap_err();
    assert_eq!(
        said,
        [
            "`lab2` is there more than once: `a/Cargo.toml`, `old/a/Cargo.toml`; leave the one that counts"
        ]
    );
}

#[test]
fn what_the_grader_does_not_build() {
    let with = |more: &str| complaints(&format!("{MANIFEST}{more}"), &[]);
    for (more, said) in [
        ("rand = \"0.9\"", "`rand`: the grader builds without a network and knows only labgob"),
        ("lab2 = { path = \".\" }", "a lab stands on earlier ones, and not on `lab2`"),
        ("lab3 = { path = \".\" }", "it stands on `lab3`, which is not handed in"),
        ("log = { package = \"raft\", path = \".\" }", "call `raft` by its name, and not `log`"),
        ("[lib]\nproc-macro = true", "take `proc-macro` out"),
        ("[lib]\npath = \"lib.rs\"", "the grader builds `src/lib.rs`"),
        ("[lib]\nname = \"mine\"", "the library is called `lab2`"),
        ("[patch.crates-io]\nserde = { path = \"x\" }", "take `[patch]` out"),
        ("[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"", "put what `[target]` has"),
    ] {
        let lines = with(more);
        assert!(lines.starts_with("`a/Cargo.toml`: ") && lines.contains(said), "{more}: {lines}");
    }
    let script = MANIFEST.replace("\"lab2\"", "\"lab2\"\nbuild = \"x.rs\"");
    assert!(complaints(&script, &[]).contains("no build script"));
    assert!(complaints(MANIFEST, &[("a/build.rs", "")]).contains("no build script"));
    let none = MANIFEST.replace("\"lab2\"", "\"lab2\"\nbuild = false");
    assert!(of(&[("Cargo.toml", &none), ("src/lib.rs", ""), ("build.rs", "")]).is_ok());
    assert!(complaints(MANIFEST, &[("a/.cargo/config.toml", "")]).contains("`.cargo`"));
}

#[test]
fn a_lab_stands_on_an_earlier_one_of_the_same_submission() {
    let lab3 = "[package]\nname = \"lab3\"\n[dependencies]\nlab2 = { path = \"../lab2\" }\n\
                [dev-dependencies]\nproptest = \"1\"\n[features]\nx = []\n[profile.dev]\nopt-level = 1";
    let read = of(&[
        ("3/Cargo.toml", lab3),
        ("3/src/lib.rs", ""),
        ("2/Cargo.toml", MANIFEST),
        ("2/src/lib.rs", ""),
    ])
    .unwrap();
    assert_eq!(read.crates[1].dependencies, BTreeSet::from(["lab2".to_string()]));
}
