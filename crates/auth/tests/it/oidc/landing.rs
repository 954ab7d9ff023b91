//! Where people go after they signed in: never to another host.

use codeflow_auth::ErrorKind;

use super::world::World;

#[tokio::test]
async fn only_paths_of_this_installation_are_landed_on() {
    let world = World::new().await;
    let long = format!("/{}", "a".repeat(1024));
    let refused = [
        "",
        "runs",
        "?next=1",
        "#top",
        "https://evil.example/",
        "HTTPS://evil.example",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "/runs\\..\\..",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nlocation: https://evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/\0",
        "/\u{a0}/evil.example",
        "/\u{ff0f}evil.example",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "/..//evil.example",
        "/.//evil.example",
        "/a/../..//evil.example",
        "/%2e%2e//evil.example",
        "https:evil.example",
        "https:/evil.example",
        "@evil.example",
        ".evil.example",
        &long,
    ];
    for path in refused {
        let error = world.providers.begin("plain", Some(path)).await.expect_err(path);

        assert_eq!(
            (error.kind(), error.path()),
            (ErrorKind::InvalidInput, Some("redirect_after")),
            "{path:?}"
        );
    }
    for path in [
        "/",
        "/runs",
        "/runs?page=2#top",
        "/a//b",
        "/%2F%2Fevil.example",
        "/runs?next=//evil.example",
        "/@x",
        "/x:y",
    ] {
        assert!(world.providers.begin("plain", Some(path)).await.is_ok(), "{path}");
    }
}
