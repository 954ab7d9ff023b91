//! How long it takes to read a body that is handed on: a small one, and large prompts of several kinds.

use std::hint::black_box;

use codeflow_api::{ChatCompletions, Sketch};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;

const LARGE: usize = 106_000;

fn body(content: &str) -> Vec<u8> {
    let messages = json!([
        { "role": "system", "content": "You are a helpful assistant." },
        { "role": "user", "content": content },
    ]);
    json!({ "messages": messages, "model": "gpt-some", "stream": true, "max_tokens": 256,
        "stream_options": { "include_usage": true }, "temperature": 0.7 })
    .to_string()
    .into_bytes()
}

fn repeat(text: &str, length: usize) -> String {
    text.chars().cycle().take(length / (text.len() / text.chars().count())).collect()
}

fn sketch(criterion: &mut Criterion) {
    let words = "The quick brown fox jumps over the lazy dog, again and again. ";
    let lines = "    let total = items.iter().map(|item| item.price * item.count).sum();\n";
    let bodies = [
        ("500 bytes", body(&repeat(words, 270))),
        ("106 kB, one line", body(&repeat(words, LARGE))),
        ("106 kB, lines of code", body(&repeat(lines, LARGE))),
        ("106 kB, Chinese", body(&repeat("敏捷的棕色狐狸跳过懒狗", LARGE))),
    ];
    let mut group = criterion.benchmark_group("sketch");
    for (name, body) in &bodies {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), body, |bencher, body| {
            bencher.iter(|| Sketch::of(black_box(body)).map(|sketch| sketch.stream));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("decode");
    for (name, body) in &bodies {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), body, |bencher, body| {
            bencher.iter(|| ChatCompletions::decode(black_box(body)));
        });
    }
    group.finish();
}

criterion_group!(benches, sketch);
criterion_main!(benches);
