//! What keeps secrets.

use codeflow_auth::{ErrorKind, Vault};

use crate::support::{SECRET, kind};

#[test]
fn what_was_sealed_for_one_purpose_opens_for_no_other() {
    let vault = Vault::new(&SECRET).unwrap();
    let sealed = vault.seal("one", b"secret").unwrap();

    assert_eq!(vault.open("one", &sealed).unwrap(), b"secret");
    assert_eq!(kind(vault.open("two", &sealed)), ErrorKind::Internal);
    assert_eq!(kind(Vault::new(&[8; 32]).unwrap().open("one", &sealed)), ErrorKind::Internal);
    assert_eq!(kind(vault.open("one", &sealed[..11])), ErrorKind::Internal);
    let mut changed = sealed.clone();
    changed[14] ^= 1;
    assert_eq!(kind(vault.open("one", &changed)), ErrorKind::Internal);
    assert_ne!(vault.seal("one", b"secret").unwrap(), sealed);
}

#[test]
fn hashes_depend_on_purpose_and_secret() {
    let vault = Vault::new(&SECRET).unwrap();
    let other = Vault::new(&[8; 32]).unwrap();
    let hash = vault.digest("one", b"x").unwrap();

    assert!(Vault::equal(&hash, &vault.digest("one", b"x").unwrap()));
    assert!(!Vault::equal(&hash, &vault.digest("two", b"x").unwrap()));
    assert!(!Vault::equal(&hash, &other.digest("one", b"x").unwrap()));
    assert!(!Vault::equal(&hash, &hash[1..]));
    assert_eq!(kind(Vault::new(&[1; 31])), ErrorKind::InvalidInput);
    assert_eq!(format!("{vault:?}"), "Vault { .. }");
}
