//! Attacks by how the token is written, and by what signs it.

use codeflow_auth::ErrorKind::{BadSignature, InvalidClaims, MalformedCredential, UnknownSigningKey};
use serde_json::json;

use super::super::forge::{World, decode, encode, with};
use super::{Case, case};

pub(super) fn shapes(world: &World, valid: &str) -> Vec<Case> {
    let parts: Vec<&str> = valid.split('.').collect();
    let [header, claims, signature] = parts[..] else { unreachable!("a token has three parts") };
    let long = "a".repeat(4096);
    let cut = |part: &str| {
        let bytes = decode(part);
        encode(&bytes[..bytes.len() - 3])
    };
    let mut cases: Vec<Case> = [
        ("nothing", String::new()),
        ("a blank", " ".to_owned()),
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{claims}")),
        ("three dots", "...".to_owned()),
        ("two dots", "..".to_owned()),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("a dot before", format!(".{valid}")),
        ("a dot after", format!("{valid}.")),
        ("a dot between", format!("{header}..{claims}.{signature}")),
        ("four parts", format!("{valid}.{signature}")),
        ("five parts, as if it were encrypted", format!("{header}.AAAA.AAAA.{claims}.{signature}")),
        ("in quotes", format!("\"{valid}\"")),
        ("two of them", format!("{valid},{valid}")),
        ("with `Bearer`", format!("Bearer {valid}")),
        ("an object", json!({"payload": claims, "protected": header, "signature": signature}).to_string()),
        ("too long", format!("{header}.{claims}.{long}")),
        (
            "too long, and signed",
            world.sign(&world.header().to_string(), &with(&world.claims(), "x", json!(long))),
        ),
        ("the header cut", format!("{}.{claims}.{signature}", cut(header))),
        ("nothing but zeros", "\0".repeat(100)),
        ("emoji", "🙂.🙂.🙂".to_owned()),
    ]
    .map(|(name, token)| case(name, token, MalformedCredential))
    .into();
    cases.push(case("the claims cut", format!("{header}.{}.{signature}", cut(claims)), BadSignature));
    cases.push(case("the signature cut", format!("{header}.{claims}.{}", cut(signature)), BadSignature));
    cases.push(case(
        "header and claims exchanged",
        format!("{claims}.{header}.{signature}"),
        MalformedCredential,
    ));
    cases
}

pub(super) fn encodings(world: &World, valid: &str) -> Vec<Case> {
    let parts: Vec<&str> = valid.split('.').collect();
    let [header, claims, signature] = parts[..] else { unreachable!("a token has three parts") };
    let mut cases: Vec<Case> = [
        ("padding", format!("{header}.{claims}.{signature}==")),
        ("padding in the header", format!("{header}=.{claims}.{signature}")),
        ("padding in the claims", format!("{header}.{claims}=.{signature}")),
        ("an end of line", format!("{valid}\n")),
        ("a blank before", format!(" {valid}")),
        ("a blank within", format!("{header}. {claims}.{signature}")),
        ("a zero byte after", format!("{valid}\0")),
        ("the other alphabet", format!("{header}.{claims}.{}", plain(signature))),
        ("percent signs", format!("{header}%2E{claims}%2E{signature}")),
        ("encoded twice", encode(valid)),
        ("bits that mean nothing", format!("{header}.{claims}.{}", other_last(signature))),
    ]
    .map(|(name, token)| case(name, token, MalformedCredential))
    .into();
    let twice = world.sign_parts(&encode(header), &encode(claims));
    cases.push(case("each part encoded twice", twice, MalformedCredential));
    let signed = |claims: &[u8]| world.sign_parts(&encode(world.header().to_string()), &encode(claims));
    let text = world.claims().to_string();
    let raw: [(&str, Vec<u8>); 11] = [
        ("claims encoded twice", claims.as_bytes().to_vec()),
        ("claims in a text", json!(text).to_string().into_bytes()),
        ("no JSON", b"sub=admin".to_vec()),
        ("null", b"null".to_vec()),
        (
            "a list of claims",
            json!(world.claims().as_object().unwrap().values().collect::<Vec<_>>()).to_string().into(),
        ),
        ("not UTF-8", vec![b'{', 0xff, b'}']),
        ("two objects", format!("{text}{text}").into_bytes()),
        ("claims in a list", format!("[{text}]").into_bytes()),
        ("two subjects", text.replacen('{', r#"{"sub":"user_0192f0c1a2b37c3d8e4f5a6b7c8d9e99","#, 1).into()),
        ("two ends, one written otherwise", text.replacen('{', r#"{"e\u0078p":4102444800,"#, 1).into()),
        ("a token within", valid.as_bytes().to_vec()),
    ];
    cases.extend(raw.iter().map(|(name, claims)| case(*name, signed(claims), InvalidClaims)));
    cases
}

/// The same bytes in the alphabet that has `+` and `/`; where there are none of them, one is put in.
fn plain(signature: &str) -> String {
    let text = signature.replace('-', "+").replace('_', "/");
    if text == signature { format!("+{}", &text[1..]) } else { text }
}

/// The last character of 64 bytes has four bits that mean nothing.
fn other_last(signature: &str) -> String {
    let last = signature.chars().last().unwrap();
    assert!("AQgw".contains(last));
    format!("{}{}", &signature[..signature.len() - 1], char::from(last as u8 + 1))
}

pub(super) async fn signatures(world: &World, valid: &str) -> Vec<Case> {
    let parts: Vec<&str> = valid.split('.').collect();
    let [header, claims, signature] = parts[..] else { unreachable!("a token has three parts") };
    let other = world.issue().await;
    let other: Vec<&str> = other.split('.').collect();
    let foreign = World::new().issue().await;
    let foreign: Vec<&str> = foreign.split('.').collect();
    let admin = encode(with(&world.claims(), "sub", json!("user_0192f0c1a2b37c3d8e4f5a6b7c8d9e99")));
    vec![
        case("the signature of another token", format!("{header}.{claims}.{}", other[2]), BadSignature),
        case("the claims of another token", format!("{header}.{}.{signature}", other[1]), BadSignature),
        case("claims of one's own", format!("{header}.{admin}.{signature}"), BadSignature),
        case("another installation's token", foreign.join("."), UnknownSigningKey),
        case(
            "another installation's under our key's name",
            format!("{header}.{}.{}", foreign[1], foreign[2]),
            BadSignature,
        ),
        case("a signature of zeros", format!("{header}.{claims}.{}", encode([0; 64])), BadSignature),
        case("a signature of one byte", format!("{header}.{claims}.AA"), BadSignature),
        case("a signature with something after it", format!("{header}.{claims}.{signature}AA"), BadSignature),
        case("a signature of 2,000 bytes", format!("{header}.{claims}.{}", encode([7; 2000])), BadSignature),
    ]
}
