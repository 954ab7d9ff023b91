//! What holds for every diff: no bytes make the reader fail, and its numbers are git's numbers.

use std::collections::BTreeMap;

use codeflow_analysis::{Diff, DiffLimits, FileKind, FileStatus, RiskScore, SecretScanner};
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};

use crate::repo::{Repo, read_in_pieces};

type Tree = BTreeMap<&'static str, Vec<u8>>;

const NAMES: &[&str] = &["a", "b b/c", "dir/tab\tname", "dir/quo\"te", "dir/ü", "deep/er/file.rs", "z"];

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = select(&["one", "two", "", "-- a/x", "++ b/x", "three\r", "@@ -1 +1 @@", "caf\u{e9}"][..]);
    let text = (vec(line, 0..30), any::<bool>()).prop_map(|(lines, end)| {
        let mut text = lines.join("\n");
        if end && !text.is_empty() {
            text.push('\n');
        }
        text.into_bytes()
    });
    prop_oneof![8 => text, 1 => vec(any::<u8>(), 0..60)]
}

fn tree() -> impl Strategy<Value = Tree> {
    btree_map(select(NAMES), content(), 0..6)
}

/// Puts both trees into a repository and returns their names in it.
fn record(repo: &Repo, before: &Tree, after: &Tree) -> (String, String) {
    for (path, bytes) in before {
        repo.write(path, bytes);
    }
    let base = repo.tree();
    for path in before.keys() {
        repo.remove(path);
    }
    for (path, bytes) in after {
        repo.write(path, bytes);
    }
    (base, repo.tree())
}

/// Added and removed lines by path, as git counts them; nothing for a binary file.
fn numstat(repo: &Repo, base: &str, head: &str) -> BTreeMap<String, Option<(u64, u64)>> {
    let output = repo.git(&["diff", "--numstat", "-z", "--no-renames", base, head, "--"]);
    let records = output.split(|byte| *byte == 0).filter(|record| !record.is_empty());
    let parsed = records.map(|record| {
        let text = String::from_utf8(record.to_vec()).unwrap();
        let mut parts = text.splitn(3, '\t');
        let (added, removed) = (parts.next().unwrap(), parts.next().unwrap());
        let counts = added.parse().ok().map(|added| (added, removed.parse().unwrap()));
        (parts.next().unwrap().to_owned(), counts)
    });
    parsed.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_diff_of_git_has_gits_own_numbers(before in tree(), after in tree()) {
        let repo = Repo::new();
        let (base, head) = record(&repo, &before, &after);

        let text = repo.diff_text(&base, &head, &["--no-renames"]);
        let diff = Diff::parse("", "", &text);

        let ours: BTreeMap<_, _> = diff.files.iter().map(|file| {
            let counts = (file.kind != FileKind::Binary).then_some((file.additions, file.deletions));
            (file.path.clone(), counts)
        }).collect();
        prop_assert_eq!(&ours, &numstat(&repo, &base, &head));
        for file in &diff.files {
            prop_assert_eq!(file.added_lines().count() as u64, file.additions);
            let old = file.status != FileStatus::Added;
            prop_assert_eq!(before.contains_key(file.path.as_str()), old);
        }
        prop_assert_eq!(agrees_with_diffy(&text, &diff), None);
    }

    #[test]
    fn renames_found_by_git_are_the_renames_read(content in vec("[a-z]{8}", 5..20), to in select(NAMES)) {
        let repo = Repo::new();
        let text = content.join("\n").into_bytes();
        let (base, head) = record(&repo, &Tree::from([("from here", text.clone())]), &Tree::from([(to, text)]));

        let diff = repo.diff(&base, &head);

        let names: Vec<_> = diff.files.iter().map(|file| (file.old_path.as_deref(), file.path.as_str())).collect();
        prop_assert_eq!(names, [(Some("from here"), to)]);
    }
}

/// Compares with a parser written by others; says where the two differ.
fn agrees_with_diffy(text: &[u8], diff: &Diff) -> Option<String> {
    let theirs: Vec<_> =
        PatchSet::parse_bytes(text, ParseOptions::gitdiff()).filter_map(Result::ok).collect();
    let names = |operation: &FileOperation<'_, [u8]>| match operation.strip_prefix(1) {
        FileOperation::Delete(path) | FileOperation::Create(path) => path.to_vec(),
        FileOperation::Modify { modified, .. } => modified.to_vec(),
        FileOperation::Rename { to, .. } | FileOperation::Copy { to, .. } => to.to_vec(),
    };
    if theirs.len() != diff.files.len() {
        return Some(format!("{} files there, {} here", theirs.len(), diff.files.len()));
    }
    theirs.iter().zip(&diff.files).find_map(|(their, our)| {
        let hunks = their.patch().as_text().map_or(0, |patch| patch.hunks().len());
        let same = names(their.operation()) == our.path.as_bytes() && hunks == our.hunks().count();
        (!same).then(|| format!("{:?} has {hunks} hunks there, {} here", our.path, our.hunks().count()))
    })
}

/// A diff with every kind of section, made once.
fn seed() -> Vec<u8> {
    let repo = Repo::new();
    let lines = |n: u32| (0..n).map(|n| format!("line {n}\n")).collect::<String>().into_bytes();
    let before = Tree::from([
        ("a", lines(40)),
        ("b b/c", b"\0bin".to_vec()),
        ("dir/quo\"te", lines(9)),
        ("z", vec![]),
    ]);
    let after = Tree::from([
        ("a", lines(38)),
        ("b b/c", b"\0bim".to_vec()),
        ("dir/ü", lines(9)),
        ("deep/er/file.rs", b"x".to_vec()),
    ]);
    let (base, head) = record(&repo, &before, &after);
    repo.diff_text(&base, &head, &[])
}

#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Remove(Index, Index),
    Repeat(Index, Index),
    Insert(Index, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let scraps = [
        "\n",
        "\"",
        "\\",
        "diff --git ",
        "@@ -1,9999999999 +1 @@\n",
        "@@ -4294967295 +4294967295 @@\n",
        "rename to \"\\4",
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Remove(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        (any::<Index>(), select(scraps.to_vec())).prop_map(|(at, text)| Damage::Insert(at, text)),
    ]
}

fn apply(text: &mut Vec<u8>, damage: &Damage) {
    if text.is_empty() {
        return;
    }
    let range = |from: &Index, to: &Index| {
        let (from, to) = (from.index(text.len()), to.index(text.len()));
        from.min(to)..from.max(to)
    };
    match damage {
        Damage::Set(at, byte) => {
            let at = at.index(text.len());
            text[at] = *byte;
        }
        Damage::Remove(from, to) => drop(text.drain(range(from, to))),
        Damage::Repeat(from, to) => {
            let piece = text[range(from, to)].to_vec();
            text.extend(piece);
        }
        Damage::Insert(at, piece) => {
            let at = at.index(text.len());
            text.splice(at..at, piece.bytes());
        }
    }
}

#[test]
fn no_damage_makes_reading_fail_and_the_size_of_the_pieces_never_matters() {
    let seed = seed();
    let limits = DiffLimits { total_bytes: 700, file_bytes: 400, files: 4, line_bytes: 60 };

    proptest!(ProptestConfig::with_cases(400), |(damages in vec(damage(), 1..6), size in 1usize..40)| {
        let mut text = seed.clone();
        damages.iter().for_each(|damage| apply(&mut text, damage));

        for limits in [DiffLimits::default(), limits] {
            let whole = read_in_pieces(&text, text.len(), limits);
            let pieces = read_in_pieces(&text, size, limits);

            prop_assert_eq!(&whole, &pieces);
            let kept: usize = whole.files.iter().map(|file| file.patch.len()).sum();
            prop_assert!(kept <= limits.total_bytes);
            SecretScanner::default().scan_diff(&whole);
            prop_assert!(RiskScore::assess(&whole).score <= 100);
        }
    });
}

proptest! {
    #[test]
    fn any_bytes_at_all_can_be_read(bytes in vec(any::<u8>(), 0..300)) {
        let diff = Diff::parse("", "", &bytes);

        prop_assert!(diff.files.len() <= bytes.len());
    }
}
