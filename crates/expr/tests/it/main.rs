//! What expressions and templates do, through the public interface.
use codeflow_expr::Expression;
use serde_json::json;
#[test]
fn probe() {
    let scope = json!({"steps": {"risk": {"outputs": {"score": 72, "level": "high", "reasons": ["a","b"], "d": 1.5, "big": 18446744073709551615u64}},
       "scan": {"outputs": {"findings": [{"severity":"high","path":"src/a.rs","items":[1,2]},{"severity":"low","path":"docs/b.md","items":[3]}]}}}, "inputs": {"name": "x", "k":"risk"}});
    for src in ["steps.risk.outputs.score > 50", "steps.risk.outputs.score", "steps.risk.outputs.scores", "steps.risk.outputs.scores > 1", "has(steps.risk.outputs.score)", "has(steps.risk.outputs.zip)", "has(steps.zip.outputs)",
      "steps.scan.outputs.findings.exists(f, f.severity == 'high')", "steps.scan.outputs.findings.filter(f, f.severity == 'high')", "steps.scan.outputs.findings.map(f, f.path.matches('^src/'))",
      "steps.scan.outputs.findings.map(f, f.items.map(i, i * 2))", "steps[inputs.k].outputs.score + 1", "size(steps.risk.outputs.reasons)", "steps.risk.outputs.reasons == ['a','b']", "['a','b'] == steps.risk.outputs.reasons", "steps.risk.outputs.reasons + ['c']", "'a' in steps.risk.outputs.reasons",
      "{'a': steps.risk.outputs, 'b': 1}", "steps.risk.outputs.big", "steps.risk.outputs.big > 5", "steps.risk.outputs.reasons[5]", "steps.risk.outputs.reasons[0 + 5]", "steps.risk.outputs.reasons[1]", "1/0", "foo", "foo()", "x.map(a)", "type(1) == int", "steps.scan.outputs.findings.map(f, f.nope)", "'a' + 1", "!1", "timestamp('2020-01-01T00:00:00Z')", "steps.scan.outputs.findings.all(f, f.severity != 'x')", "string(timestamp('2020-01-01T00:00:00Z') + duration('1h'))", "-(-9223372036854775807 - 1)", "steps.risk.outputs.reasons.exists_one(r, r == 'a')", "steps.risk.outputs == {'score': 72}", "1 < 'a'", "steps.risk.outputs.map(k, k)", "Foo{a: 1}"] {
        match Expression::parse(src) {
            Ok(e) => eprintln!("{src}\n   = {:?} cost {} refs {:?}", e.evaluate(&scope).map(|v| v.to_string()), e.estimated_cost(&scope), e.references().iter().map(|r| format!("{}@{}", r.path.join("."), r.offset)).collect::<Vec<_>>()),
            Err(e) => eprintln!("{src}\n   ! {e:?}"),
        }
    }
}
