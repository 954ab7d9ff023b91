//! Connections to other services, as a file says them.

use codeflow_config::SecretPlace;

use crate::given::{refused, settings};

const FORGE: &str = "[auth.connections.services.forge]\nauthorize = \"https://forge.test/a?prompt=consent\"\n\
                     token = \"https://forge.test/t\"\nclient_id = \"here\"\n";
const BACK: &str = "[auth.connections]\ncallback = \"https://flow.test/api/v1/connections/callback\"\n";

#[test]
fn nobody_connects_unless_settings_say_so() {
    let connections = settings("").auth.connections;

    assert!(connections.callback.is_none() && connections.services.is_empty());
}

#[test]
fn a_service_is_read_with_what_is_usual() {
    let connections = settings(&[BACK, FORGE].concat()).auth.connections;

    let forge = &connections.services["forge"];
    assert_eq!(forge.authorize.as_str(), "https://forge.test/a?prompt=consent");
    assert_eq!((forge.token.as_str(), forge.client_id.as_str()), ("https://forge.test/t", "here"));
    assert_eq!((forge.secret_in, forge.client_secret.is_none()), (SecretPlace::Header, true));
    assert!(forge.scopes.is_empty());
    let more = "client_secret = { env = \"FORGE\" }\nsecret_in = \"form\"\nscopes = [\"repo\"]\n";
    let connections = settings(&[BACK, FORGE, more].concat()).auth.connections;
    let forge = &connections.services["forge"];
    assert_eq!((forge.secret_in, forge.client_secret.is_some()), (SecretPlace::Form, true));
    assert_eq!(forge.scopes, ["repo"]);
}

#[test]
fn what_cannot_be_is_refused_by_its_key() {
    let with = |from: &str, to: &str| [BACK, FORGE].concat().replace(from, to);
    refused([
        (FORGE, "`auth.connections.callback`"),
        (&with("https://flow.test/api/v1/connections/callback", "here"), "`auth.connections.callback`"),
        (&with("services.forge", "services.callback"), "`auth.connections.services.callback`"),
        (&with("services.forge", "services.Forge"), "`auth.connections.services.Forge`"),
        (&with("https://forge.test/a", "forge"), "`auth.connections.services.forge.authorize`"),
        (&with("https://forge.test/t", "forge"), "`auth.connections.services.forge.token`"),
        (&with("\"here\"", "\"\""), "`auth.connections.services.forge.client_id`"),
        (&with("client_id", "surprise"), "surprise"),
    ]);
}
