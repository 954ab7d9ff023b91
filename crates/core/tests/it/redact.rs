//! Secrets taken out of text. What stands for a secret here is put together at run time.

use codeflow_core::redact;
use proptest::prelude::any;
use proptest::{prop_assert, prop_assert_eq, proptest};

/// A text that must never come out again.
fn hidden() -> String {
    ["cor", "rect", "horse"].concat()
}

#[test]
fn passwords_in_addresses_are_masked_and_the_address_stays() {
    let hidden = hidden();
    for (text, masked) in [
        (format!("postgres://app:{hidden}@db:5432/x"), "postgres://[redacted]@db:5432/x"),
        (format!("https://{hidden}@host/path?q=1"), "https://[redacted]@host/path?q=1"),
        (format!("a://u:{hidden}@b and c://u:{hidden}@d"), "a://[redacted]@b and c://[redacted]@d"),
        (format!("redis://:p@{hidden}@host"), "redis://[redacted]@host"),
        (format!("x://u:{hidden}@h\nnext"), "x://[redacted]@h\nnext"),
    ] {
        assert_eq!(redact(&text), masked);
    }
}

#[test]
fn addresses_without_a_password_stay_as_they_are() {
    for text in ["https://host/path@v1", "see https://a.b/c?d=e@f", "mail me@host", "a://", "://@"] {
        assert_eq!(redact(text).contains("path@v1"), text.contains("path@v1"));
    }
    assert_eq!(redact("https://host/path@v1"), "https://host/path@v1");
    assert_eq!(redact("https://host?who=me@x"), "https://host?who=me@x");
}

#[test]
fn values_with_telling_names_are_masked_to_the_end_of_their_line() {
    let hidden = hidden();
    for before in [
        "Authorization: ",
        "Authorization: Bearer ",
        "authorization: bearer ",
        "api_key=",
        "API-Key: ",
        "OPENAI_APIKEY=",
        "password: ",
        "\"password\": \"",
        "db_passwd = ",
        "client_secret='",
        "token=",
        "github_token: ",
        "set-cookie: ",
        "curl -H 'bearer ",
    ] {
        let text = format!("{before}{hidden} tail\nkept");
        let out = redact(&text);
        assert!(!out.contains(&hidden), "{before}: {out}");
        assert!(out.ends_with("[redacted]\nkept"), "{before}: {out}");
    }
}

#[test]
fn every_value_of_a_line_with_several_names_is_masked() {
    let hidden = hidden();
    for text in [
        format!("user=x token={hidden} password={hidden}"),
        format!("the token was refused, password={hidden}"),
        format!("token cookie secret: {hidden}"),
        format!("passwords and secrets; api_key={hidden}"),
        format!("no token here; authorization: {hidden}"),
    ] {
        assert!(!redact(&text).contains(&hidden), "{}", redact(&text));
    }
}

#[test]
fn words_that_only_sound_like_secrets_stay() {
    for text in [
        "the token expired",
        "12 tokens used",
        "a secretary called",
        "no password",
        "exec_0192 failed: a cookie monster",
        "",
        "\n\n",
        "plain text",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn lines_keep_their_ends_and_do_not_hide_each_other() {
    let hidden = hidden();

    assert_eq!(redact(&format!("a\ntoken={hidden}\r\nb\n")), "a\ntoken=[redacted]\nb\n");
    assert_eq!(redact(&format!("token={hidden}")), "token=[redacted]");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = redact(&text);
    }

    #[test]
    fn masking_twice_is_masking_once(text in "(token|password|://|@|bearer |[=: a-z\\n]){0,20}") {
        let once = redact(&text);
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn a_value_after_a_telling_name_never_survives(before in "\\PC{0,20}", name in "(token|secret|password)", value in "[A-Z0-9]{12}") {
        let out = redact(&format!("{before}{name}={value}"));
        prop_assert!(!out.contains(&value) || before.contains(&value), "{}", out);
    }
}
