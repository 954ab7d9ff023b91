//! How fast the secret scan reads a diff of 10,000 lines of real code, with a few secrets in it.

use std::hint::black_box;
use std::time::Duration;

use codeflow_analysis::{Diff, SecretScanner};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const LINES: usize = 10_000;

/// Code of this crate: ordinary Rust, a test full of long lines, and a manifest.
const SOURCES: [(&str, &str); 6] = [
    ("src/reader.rs", include_str!("../src/diff/reader.rs")),
    ("src/risk.rs", include_str!("../src/risk.rs")),
    ("src/markdown.rs", include_str!("../src/report/markdown.rs")),
    ("src/paths.rs", include_str!("../src/risk/paths.rs")),
    ("tests/shapes.rs", include_str!("../tests/it/diff_shapes.rs")),
    ("Cargo.toml", include_str!("../Cargo.toml")),
];

/// A diff as git prints it: hunks of sixteen lines, twelve of them added.
fn diff_text() -> String {
    let mut text = String::new();
    let mut lines = 0;
    for round in 0.. {
        for (path, source) in SOURCES {
            text.push_str(&format!("diff --git a/{round}/{path} b/{round}/{path}\nindex 1..2 100644\n"));
            text.push_str(&format!("--- a/{round}/{path}\n+++ b/{round}/{path}\n"));
            for (number, hunk) in source.lines().collect::<Vec<_>>().chunks(16).enumerate() {
                let added = hunk.len().saturating_sub(4);
                let start = number * 40 + 1;
                text.push_str(&format!("@@ -{start},{} +{start},{} @@\n", hunk.len() - added, hunk.len()));
                for (at, line) in hunk.iter().enumerate() {
                    let marker = if (2..2 + added).contains(&at) { '+' } else { ' ' };
                    text.push_str(&format!("{marker}{line}\n"));
                }
                lines += hunk.len();
            }
            if lines >= LINES {
                text.push_str(&secrets(round));
                return text;
            }
        }
    }
    text
}

fn secrets(seed: usize) -> String {
    let key = format!("{}{}", "AKIA", "Q3EGRZ7XJH2WTB5L");
    let token = format!("{}_{}", "ghp", "x8Kd02LmQp5RtYw7Zb3Nc6Vf9Hj1Gs4Ta0Ue");
    let head = "diff --git a/.env b/.env\nnew file mode 100644\n--- /dev/null\n+++ b/.env\n@@ -0,0 +1,3 @@\n";
    format!("{head}+AWS_ACCESS_KEY_ID={key}\n+GITHUB={token}\n+SEED={seed}\n")
}

fn bench(criterion: &mut Criterion) {
    let text = diff_text();
    let diff = Diff::parse("base", "head", text.as_bytes());
    let patch: usize = diff.files.iter().map(|file| file.patch.len()).sum();
    let scanner = SecretScanner::default();
    assert_eq!(scanner.scan_diff(&diff).findings.len(), 2, "the two planted secrets and nothing else");

    let mut group = criterion.benchmark_group("diff of 10,000 lines");
    group.throughput(Throughput::Bytes(patch as u64)).measurement_time(Duration::from_secs(5));
    group.bench_function("scan for secrets", |bencher| bencher.iter(|| scanner.scan_diff(black_box(&diff))));
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bencher| bencher.iter(|| Diff::parse("", "", black_box(text.as_bytes()))));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
