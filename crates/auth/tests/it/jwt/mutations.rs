//! Whatever is changed in a token that was valid, it is not any more; and nothing that comes can break what reads it.

use std::sync::LazyLock;

use codeflow_auth::{Error, Signing, TokenSettings};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assume, prop_oneof, proptest};
use tokio::runtime::Runtime;

use super::forge::{World, decode, encode, settings};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static VALID: LazyLock<Vec<(World, String)>> = LazyLock::new(|| {
    let signings = [
        Signing::EdDsa,
        Signing::Es256,
        Signing::Hs256("0123456789abcdef0123456789abcdef".to_owned().into()),
    ];
    let make = |signing| {
        let world = World::with(TokenSettings { signing, ..settings() });
        let token = RUNTIME.block_on(world.issue());
        (world, token)
    };
    signings.into_iter().map(make).collect()
});

fn verify(which: usize, token: &str) -> Result<(), Error> {
    let (world, valid) = &VALID[which];
    assert!(RUNTIME.block_on(world.verify(valid)).is_ok());
    RUNTIME.block_on(world.verify(token)).map(drop)
}

#[test]
fn every_bit_of_each_part_counts() {
    for (which, (_, valid)) in VALID.iter().enumerate() {
        let parts: Vec<&str> = valid.split('.').collect();
        for part in 0..3 {
            let bytes = decode(parts[part]);
            for bit in 0..bytes.len() * 8 {
                let mut bytes = bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let changed = encode(bytes);
                let mut parts = parts.clone();
                parts[part] = &changed;
                assert!(verify(which, &parts.join(".")).is_err(), "bit {bit} of part {part}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_token_in_which_anything_was_replaced_is_refused(
        which in 0_usize..3,
        from in any::<prop::sample::Index>(),
        length in 0_usize..40,
        with in prop_oneof!["[A-Za-z0-9_.=-]{0,40}", any::<String>()],
    ) {
        let valid = &VALID[which].1;
        let from = from.index(valid.len());
        let to = (from + length).min(valid.len());
        let changed = format!("{}{with}{}", &valid[..from], &valid[to..]);
        prop_assume!(changed != *valid);

        prop_assert!(verify(which, &changed).is_err());
    }

    #[test]
    fn nothing_that_comes_breaks_the_reader(which in 0_usize..3, text in any::<String>()) {
        prop_assert!(verify(which, &text).is_err());
    }

    #[test]
    fn parts_of_any_bytes_break_nothing(which in 0_usize..3, parts in prop::collection::vec(any::<Vec<u8>>(), 1..6)) {
        let parts: Vec<String> = parts.iter().map(encode).collect();

        prop_assert!(verify(which, &parts.join(".")).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Signed, so that all of it is read.
    #[test]
    fn claims_of_any_text_break_nothing(text in prop_oneof!["\\{.{0,200}\\}", any::<String>()]) {
        let world = &VALID[0].0;
        let token = world.sign(&world.header().to_string(), &text);

        prop_assert!(verify(0, &token).is_err());
    }
}
