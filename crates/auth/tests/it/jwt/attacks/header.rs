//! Attacks by what the header says.

use codeflow_auth::ErrorKind::{BadSignature, MalformedCredential, UnknownSigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::super::forge::{World, decode, encode, with};
use super::{Case, case};

pub(super) fn without_signature(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "noNe", ""] {
        let header = encode(with(&world.header(), "alg", json!(alg)));
        let claims = encode(world.claims().to_string());
        cases.push(case(
            format!("`{alg}` without signature"),
            format!("{header}.{claims}."),
            MalformedCredential,
        ));
        cases.push(case(
            format!("`{alg}` with two parts"),
            format!("{header}.{claims}"),
            MalformedCredential,
        ));
        let signed = world.sign_parts(&header, &claims);
        cases.push(case(format!("`{alg}` with a signature that is right"), signed, UnknownSigningKey));
    }
    let header = encode(json!({"alg": "none"}).to_string());
    let claims = encode(world.claims().to_string());
    cases.push(case("`none` and no key", format!("{header}.{claims}.AAAA"), MalformedCredential));
    cases
}

/// What everybody can read, used as the secret of a keyed hash.
pub(super) fn confused_algorithms(world: &World) -> Vec<Case> {
    let jwk = world.keys()[0].public.clone();
    let public: Value = serde_json::from_str(&jwk).unwrap();
    let x = public["x"].as_str().unwrap();
    let bytes = decode(x);
    // How Ed25519 keys look in DER and PEM: a fixed start, and the key.
    let mut der = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
    der.extend_from_slice(&bytes);
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let secrets: [(&str, &[u8]); 7] = [
        ("the bytes", &bytes),
        ("the text", x.as_bytes()),
        ("the JWK", jwk.as_bytes()),
        ("the DER", &der),
        ("the PEM", pem.as_bytes()),
        ("the PEM without its end of line", pem.trim_end().as_bytes()),
        ("nothing", b""),
    ];
    let mut cases = Vec::new();
    for (name, secret) in secrets {
        for (alg, algorithm) in
            [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
        {
            let token = hashed(&with(&world.header(), "alg", json!(alg)), world, secret, algorithm);
            cases.push(case(format!("{alg} over {name} of the public key"), token, UnknownSigningKey));
        }
        let token = hashed(&world.header().to_string(), world, secret, Algorithm::HS256);
        cases.push(case(format!("a hash over {name} called EdDSA"), token, BadSignature));
    }
    for alg in
        ["ES256", "ES384", "RS256", "RS512", "PS256", "Ed25519", "eddsa", "EDDSA", " EdDSA", "EdDSA\0", "dir"]
    {
        let token = world.sign(&with(&world.header(), "alg", json!(alg)), &world.claims().to_string());
        cases.push(case(
            format!("the key is for EdDSA and the token says `{alg}`"),
            token,
            UnknownSigningKey,
        ));
    }
    cases
}

fn hashed(header: &str, world: &World, secret: &[u8], algorithm: Algorithm) -> String {
    let signed = format!("{}.{}", encode(header), encode(world.claims().to_string()));
    let signature = crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), algorithm).unwrap();
    format!("{signed}.{signature}")
}

pub(super) fn names_of_keys(world: &World) -> Vec<Case> {
    let long = "k".repeat(2000);
    let ours = world.keys()[0].id.clone();
    let names = [
        "../../../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "' OR '1'='1",
        "x' UNION SELECT 'secret'; --",
        "",
        " ",
        "0000000000000000",
        "key\0",
        "\u{202e}yek",
        "schlüssel-ä-öüß",
        "| cat /etc/passwd",
        "${jndi:ldap://x}",
        "http://169.254.1.1",
        &long,
        &format!("{ours} "),
        &format!(" {ours}"),
        &format!("{ours}\0"),
        &ours.to_uppercase().replace('A', "B"),
        &ours[..15],
    ];
    let token =
        |name: &&str| world.sign(&with(&world.header(), "kid", json!(name)), &world.claims().to_string());
    let mut cases: Vec<Case> = names
        .iter()
        .map(|name| case(format!("the key `{name:.30}`"), token(name), UnknownSigningKey))
        .collect();
    for kid in [json!(null), json!(7), json!(true), json!([ours]), json!({"kid": ours})] {
        let token = world.sign(&with(&world.header(), "kid", kid.clone()), &world.claims().to_string());
        cases.push(case(format!("the key is called {kid}"), token, MalformedCredential));
    }
    let token = world.sign(&with(&world.header(), "kid", None), &world.claims().to_string());
    cases.push(case("no key is named", token, MalformedCredential));
    cases
}

pub(super) fn keys_in_the_header(world: &World) -> Vec<Case> {
    let own = World::new();
    let jwk: Value = json!({"kty": "OKP", "crv": "Ed25519", "x": encode([7; 32])});
    assert!(own.keys().is_empty());
    let members = [
        ("jku", json!("https://evil.example/keys")),
        ("jku", json!("https://codeflow.example@evil.example/")),
        ("jwk", jwk),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("iss", json!("codeflow")),
        ("\0", json!(1)),
    ];
    let token = |name: &str, value: &Value| {
        world.sign(&with(&world.header(), name, value.clone()), &world.claims().to_string())
    };
    members
        .iter()
        .map(|(name, value)| case(format!("`{name}`: {value}"), token(name, value), MalformedCredential))
        .collect()
}

pub(super) fn headers(world: &World) -> Vec<Case> {
    let claims = world.claims().to_string();
    let kid = world.keys()[0].id.clone();
    let mut cases = Vec::new();
    for typ in [
        json!("JWT"),
        json!("jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!(""),
        json!(1),
        json!(null),
    ] {
        let token = world.sign(&with(&world.header(), "typ", typ.clone()), &claims);
        cases.push(case(format!("of the type {typ}"), token, MalformedCredential));
    }
    let raw = [
        ("no type", with(&world.header(), "typ", None)),
        ("no algorithm", with(&world.header(), "alg", None)),
        ("two algorithms", format!(r#"{{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#)),
        (
            "two algorithms that differ",
            format!(r#"{{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#),
        ),
        (
            "a second key, written otherwise",
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","\u006bid":"x"}}"#),
        ),
        ("a list", format!(r#"["EdDSA","at+jwt","{kid}"]"#)),
        ("a list after a blank", format!(r#" ["EdDSA","at+jwt","{kid}"]"#)),
        ("something after it", format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}{{}}"#)),
        ("a comment", format!(r#"{{"alg":"EdDSA",/**/"typ":"at+jwt","kid":"{kid}"}}"#)),
        ("a comma too many", format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}",}}"#)),
        ("a byte order mark", format!("\u{feff}{}", world.header())),
        ("no JSON", "EdDSA".to_owned()),
        ("nothing in it", "{}".to_owned()),
        ("null", "null".to_owned()),
        ("very deep", "[".repeat(1500)),
    ];
    cases.extend(raw.iter().map(|(name, header)| {
        case(format!("header: {name}"), world.sign(header, &claims), MalformedCredential)
    }));
    let token = world.sign_parts(&encode([b'{', 0xff, 0xfe, b'}']), &encode(&claims));
    cases.push(case("header: not UTF-8", token, MalformedCredential));
    cases
}
