//! Attacks by what the claims say, with a signature that is right.

use codeflow_auth::ErrorKind::{EarlyToken, ExpiredToken, InvalidClaims, WrongAudience, WrongIssuer};
use serde_json::{Value, json};

use super::super::forge::{World, with};
use super::{Case, case};

pub(super) fn audiences_and_issuers(world: &World) -> Vec<Case> {
    let token = |name: &str, value: &Value| {
        world.sign(&world.header().to_string(), &with(&world.claims(), name, value.clone()))
    };
    let mut cases = Vec::new();
    for value in [json!("other"), json!(""), json!("Codeflow"), json!("codeflow "), json!("codeflow\0")] {
        cases.push(case(format!("for {value}"), token("aud", &value), WrongAudience));
        cases.push(case(format!("by {value}"), token("iss", &value), WrongIssuer));
    }
    let lists = [json!(["other"]), json!([]), json!(["other", "codeflow"]), json!(["codeflow", "codeflow"])];
    for value in lists {
        cases.push(case(format!("for {value}"), token("aud", &value), WrongAudience));
    }
    for value in [json!(7), json!(null), json!({"codeflow": true}), json!([["codeflow"]]), json!([7])] {
        cases.push(case(format!("for {value}"), token("aud", &value), InvalidClaims));
        cases.push(case(format!("by {value}"), token("iss", &value), InvalidClaims));
    }
    cases.push(case("by a list", token("iss", &json!(["codeflow"])), InvalidClaims));
    cases
}

pub(super) fn missing_claims(world: &World) -> Vec<Case> {
    let names = ["iss", "aud", "sub", "tenant", "sid", "jti", "iat", "nbf", "exp", "iat_micros"];
    let token = |name: &str| world.sign(&world.header().to_string(), &with(&world.claims(), name, None));
    names.iter().map(|name| case(format!("no `{name}`"), token(name), InvalidClaims)).collect()
}

pub(super) fn claims_of_a_wrong_type(world: &World) -> Vec<Case> {
    let (sub, sid) = (world.claims()["sub"].clone(), world.claims()["sid"].clone());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let values = [
        ("sub", sid),
        ("sub", json!("admin")),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sub", json!(null)),
        ("sub", json!([sub])),
        ("sub", json!(text(&sub).to_uppercase())),
        ("sub", json!(format!("{}\0", text(&sub)))),
        ("sid", sub.clone()),
        ("sid", json!("login_")),
        ("tenant", json!("")),
        ("tenant", json!("a/../b")),
        ("tenant", json!("te nant")),
        ("tenant", json!("t\u{e9}nant")),
        ("tenant", json!("t".repeat(65))),
        ("tenant", json!({"name": "default"})),
        ("jti", json!("")),
        ("jti", json!("j".repeat(65))),
        ("jti", json!(1)),
        ("iat_micros", json!(1_000_000)),
        ("iat_micros", json!(-1)),
    ];
    let token = |name: &str, value: &Value| {
        world.sign(&world.header().to_string(), &with(&world.claims(), name, value.clone()))
    };
    values
        .iter()
        .map(|(name, value)| case(format!("`{name}`: {value:.40}"), token(name, value), InvalidClaims))
        .collect()
}

pub(super) fn times(world: &World) -> Vec<Case> {
    let now = world.now();
    let header = world.header().to_string();
    let token = |changes: &[(&str, &str)]| {
        let mut claims = world.claims().to_string();
        for (name, literal) in changes {
            // Written as it is, so that numbers which no program would write can be.
            let old = format!(r#""{name}":{}"#, world.claims()[name]);
            claims = claims.replace(&old, &format!(r#""{name}":{literal}"#));
        }
        world.sign(&header, &claims)
    };
    let old = (now - 1000).to_string();
    let at = |offset: i64| (now + offset).to_string();
    let mut cases = vec![
        case("over since 30 s", token(&[("exp", &at(-30)), ("iat", &old), ("nbf", &old)]), ExpiredToken),
        case("over for long", token(&[("exp", "2"), ("iat", "1"), ("nbf", "1")]), ExpiredToken),
        case("not before 31 s", token(&[("nbf", &at(31))]), EarlyToken),
        case("issued in 31 s", token(&[("iat", &at(31))]), EarlyToken),
        case(
            "begins in a thousand years",
            token(&[("nbf", "33000000000"), ("exp", "33000000001")]),
            EarlyToken,
        ),
        case("over before it is issued", token(&[("exp", &at(-1))]), InvalidClaims),
        case("over when it is issued", token(&[("exp", &at(0))]), InvalidClaims),
        case("begins when it is over", token(&[("nbf", &at(900))]), InvalidClaims),
        case("after the year 9999", token(&[("exp", "253402300800")]), InvalidClaims),
    ];
    let odd = [
        "-1",
        "-0.0",
        "0.5",
        "1e10",
        "1E400",
        "1e-400",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
        "null",
        "true",
        "[]",
        "{}",
        "\"4102444800\"",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x7fffffff",
        "01",
        "+1",
        "4102444800.0",
        "\"\"",
    ];
    for literal in odd {
        for name in ["exp", "nbf", "iat"] {
            cases.push(case(format!("`{name}`: {literal}"), token(&[(name, literal)]), InvalidClaims));
        }
    }
    cases
}
