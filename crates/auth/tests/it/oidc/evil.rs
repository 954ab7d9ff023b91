//! Issuers that lie, and networks that do worse: nobody gets in.

use codeflow_auth::ErrorKind::{self, SignInFailed, Unavailable};
use serde_json::{Value, json};

use super::issuer::{Instead, Lies};
use super::signer::Sign;
use super::world::World;

/// A name, what is not honest, and how it is refused.
type Case = (&'static str, Lies, ErrorKind, &'static str);

fn claims(name: &'static str, said: &'static str, claims: fn(&mut Value)) -> Case {
    (name, Lies { claims, ..Lies::default() }, SignInFailed, said)
}

fn header(name: &'static str, said: &'static str, header: fn(&mut Value)) -> Case {
    (name, Lies { header, ..Lies::default() }, SignInFailed, said)
}

fn sign(name: &'static str, said: &'static str, sign: Sign) -> Case {
    (name, Lies { sign, ..Lies::default() }, SignInFailed, said)
}

fn tokens(name: &'static str, said: &'static str, tokens: fn(&mut Value)) -> Case {
    (name, Lies { tokens, ..Lies::default() }, SignInFailed, said)
}

fn discovery(name: &'static str, said: &'static str, discovery: fn(&mut Value)) -> Case {
    (name, Lies { discovery, ..Lies::default() }, SignInFailed, said)
}

fn keys(name: &'static str, said: &'static str, keys: fn(&mut Value)) -> Case {
    (name, Lies { keys, ..Lies::default() }, SignInFailed, said)
}

fn later(claims: &mut Value, name: &str, by: i64) {
    claims[name] = json!(claims[name].as_i64().unwrap() + by);
}

fn lies_in_the_token() -> Vec<Case> {
    vec![
        sign("not signed", "cannot be read", Sign::None),
        sign("signed by a stranger", "signature is wrong", Sign::Stranger),
        sign("the public key as a secret", "an algorithm that is not accepted", Sign::PublicKeyAsSecret),
        sign("the client's secret", "an algorithm that is not accepted", Sign::ClientSecret),
        header("another key of the issuer", "a key that its issuer does not have", |header| {
            header["kid"] = json!("ec")
        }),
        header("a key for encryption", "a key that its issuer does not have", |header| {
            header["kid"] = json!("for-encryption")
        }),
        header("a secret that was published", "a key that its issuer does not have", |header| {
            header["kid"] = json!("shared")
        }),
        header("an unknown key", "a key that its issuer does not have", |header| {
            header["kid"] = json!("../rsa")
        }),
        header("an unknown algorithm", "an algorithm that is not accepted", |header| {
            header["alg"] = json!("RS1")
        }),
        header("another algorithm of the same key", "signature is wrong", |header| {
            header["alg"] = json!("PS256")
        }),
        header("no algorithm", "cannot be read", |header| header["alg"] = json!(null)),
        header("something critical", "not understood", |header| header["crit"] = json!(["exp"])),
    ]
}

fn lies_in_the_claims() -> Vec<Case> {
    vec![
        claims("another nonce", "belongs to another sign-in", |claims| claims["nonce"] = json!("other")),
        claims("no nonce", "belongs to another sign-in", |claims| claims["nonce"] = json!(null)),
        claims("another audience", "for somebody else", |claims| claims["aud"] = json!("other")),
        claims("no audience", "for somebody else", |claims| claims["aud"] = json!([])),
        claims("several audiences, and nobody asked", "for somebody else", |claims| {
            claims["aud"] = json!(["codeflow-here", "other"])
        }),
        claims("somebody else asked", "for somebody else", |claims| claims["azp"] = json!("other")),
        claims("another issuer", "from another issuer", |claims| {
            claims["iss"] = json!("https://accounts.example.com")
        }),
        claims("the issuer with a slash", "from another issuer", |claims| {
            claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap()))
        }),
        claims("over since 30 s", "time is over", |claims| later(claims, "exp", -330)),
        claims("issued in 31 s", "time has not begun", |claims| later(claims, "iat", 31)),
        claims("begins in 31 s", "time has not begun", |claims| {
            claims["nbf"] = json!(claims["iat"].as_i64().unwrap() + 31)
        }),
        claims("ends never", "a claim of the ID token is missing or wrong", |claims| {
            claims["exp"] = json!(null)
        }),
        claims("ends after all time", "time cannot be read", |claims| claims["exp"] = json!(1e300)),
        claims("ends before all time", "time cannot be read", |claims| claims["exp"] = json!(-1)),
        claims("begins after all time", "time cannot be read", |claims| claims["nbf"] = json!(1e300)),
        claims("issued after all time", "time cannot be read", |claims| claims["iat"] = json!(1e300)),
        claims("about nobody", "not about whom", |claims| claims["sub"] = json!("")),
        claims("about nobody at all", "a claim of the ID token is missing or wrong", |claims| {
            claims["sub"] = json!(null)
        }),
        claims("about somebody with too long a name", "not about whom", |claims| {
            claims["sub"] = json!("s".repeat(256))
        }),
        claims("the hash of another access token", "came with another access token", |claims| {
            claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA")
        }),
        claims("no claims", "a claim of the ID token is missing or wrong", |claims| *claims = json!([])),
    ]
}

fn lies_around_it() -> Vec<Case> {
    vec![
        tokens("no ID token", "sent no ID token", |tokens| tokens["id_token"] = json!(null)),
        tokens("a text for an ID token", "cannot be read", |tokens| tokens["id_token"] = json!("token")),
        tokens("five parts", "cannot be read", |tokens| tokens["id_token"] = json!("a.b.c.d.e")),
        tokens("an endless ID token", "cannot be read", |tokens| {
            tokens["id_token"] = json!("a".repeat(20_000))
        }),
        tokens("no access token", "sent no token", |tokens| tokens["access_token"] = json!(null)),
        tokens("another type", "token of an unknown type", |tokens| tokens["token_type"] = json!("DPoP")),
        discovery("another issuer's document", "says that it is another one", |document| {
            document["issuer"] = json!("https://accounts.example.com")
        }),
        discovery("no document", "something that cannot be read", |document| *document = json!(null)),
        discovery("a page that is a script", "an address of the other service is none", |document| {
            document["authorization_endpoint"] = json!("javascript:alert(1)")
        }),
        discovery("tokens in a file", "an address of the other service is none", |document| {
            document["token_endpoint"] = json!("file:///etc/passwd")
        }),
        discovery("no address", "an address of the other service is none", |document| {
            document["jwks_uri"] = json!("keys")
        }),
        discovery("tokens inside the network", "no answer that can be used", |document| {
            document["token_endpoint"] = json!("https://10.0.0.1/token")
        }),
        discovery("keys of the metadata service", "no answer that can be used", |document| {
            document["jwks_uri"] = json!("http://169.254.169.254/")
        }),
        discovery("only what is not accepted", "an algorithm that is not accepted", |document| {
            document["id_token_signing_alg_values_supported"] = json!(["none", "HS256"]);
        }),
        discovery("another algorithm than it says", "an algorithm that is not accepted", |document| {
            document["id_token_signing_alg_values_supported"] = json!(["ES256"]);
        }),
        keys("no keys", "a key that its issuer does not have", |keys| keys["keys"] = json!([])),
        keys("no list", "something that cannot be read", |keys| *keys = json!({})),
        keys("a key without numbers", "a key that its issuer does not have", |keys| {
            keys["keys"][0]["n"] = json!(null)
        }),
        keys("a key that is no base64", "a key that its issuer does not have", |keys| {
            keys["keys"][0]["n"] = json!("+/=")
        }),
        keys("a key with another number", "signature is wrong", |keys| {
            keys["keys"][0]["n"] = keys["keys"][0]["e"].clone()
        }),
        keys("a key for another algorithm", "a key that its issuer does not have", |keys| {
            keys["keys"][0]["alg"] = json!("PS256")
        }),
        keys("two keys with one name", "a key that its issuer does not have", |keys| {
            keys["keys"][1] = keys["keys"][0].clone()
        }),
    ]
}

fn networks() -> Vec<Case> {
    const PATHS: [&str; 4] = ["/.well-known/openid-configuration", "/token", "/keys", "/user"];
    let kinds = [
        (Instead::Html, SignInFailed),
        (Instead::Huge, SignInFailed),
        (Instead::ToMetadata, SignInFailed),
        (Instead::ToItself, SignInFailed),
        (Instead::Status(204), SignInFailed),
        (Instead::Status(404), SignInFailed),
        (Instead::Status(401), SignInFailed),
        (Instead::Status(429), Unavailable),
        (Instead::Status(500), Unavailable),
        (Instead::Status(503), Unavailable),
    ];
    let one = |path: &'static str| {
        kinds.map(|(instead, kind)| {
            let claims: fn(&mut Value) = |claims| claims["email"] = json!(null);
            (
                path,
                Lies { claims, instead: Some((path, instead)), ..Lies::default() },
                kind,
                "the other service",
            )
        })
    };
    PATHS.into_iter().flat_map(one).collect()
}

#[tokio::test]
async fn nobody_gets_in_over_an_issuer_that_lies() {
    let cases: Vec<Case> = [lies_in_the_token(), lies_in_the_claims(), lies_around_it(), networks()].concat();
    for (name, lies, kind, said) in cases {
        let instead = lies.instead;
        let world = World::lying(lies).await;

        let error = world.sign_in("local").await.expect_err(name);

        assert_eq!(error.kind(), kind, "{name}, {instead:?}: {error}");
        assert!(error.to_string().contains(said), "{name}: {error}");
        if let Some((path, Instead::ToItself)) = instead {
            assert_eq!(world.issuer.asked(path), 1, "{path}: a redirect is not followed, wherever it leads");
        }
    }
}

#[tokio::test]
async fn an_issuer_that_talks_about_somebody_else_is_not_heard() {
    let world = World::lying(Lies {
        claims: |claims| claims["email"] = json!(null),
        user_info: |info| info["sub"] = json!("somebody else"),
        ..Lies::default()
    })
    .await;

    assert_eq!(world.sign_in("local").await.unwrap_err().kind(), SignInFailed);
}

/// Time is tokio's from the moment at which nothing but the time-out can happen.
#[tokio::test]
async fn an_issuer_that_never_answers_is_not_waited_for() {
    let world = World::new().await;
    let begun = world.providers.begin("local", None).await.unwrap();
    let answer = world.say_yes(&begun).await;
    world.issuer.lie(Lies { instead: Some(("/token", Instead::Hang)), ..Lies::default() });
    tokio::time::pause();

    let error = world.providers.finish("local", &answer).await.unwrap_err();

    assert_eq!(error.kind(), Unavailable);
}
