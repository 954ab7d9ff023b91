//! Prices: a table of costs computed by hand, in micro-dollars, and what holds for all of them.

use codeflow_core::Usd;
use codeflow_model::{BilledTokens, Factor, Price, Prices, Registry, Service, Terms, Usage};
use proptest::{prop_assert, proptest};

const NONE: BilledTokens =
    BilledTokens { input: 0, cache_read: 0, cache_write: 0, cache_write_1h: 0, output: 0, reasoning: 0 };

fn plain(input: u64, output: u64) -> BilledTokens {
    BilledTokens { input, output, ..NONE }
}

fn prices(model: &str) -> Prices {
    let entry = Registry::builtin().find(model).expect("the model is known");
    entry.prices.clone().expect("its prices are known")
}

fn cost(model: &str, tokens: BilledTokens, terms: Terms<'_>) -> Option<u64> {
    prices(model).cost(&tokens, terms).map(Usd::micros)
}

fn standard() -> Terms<'static> {
    Terms::default()
}

fn batch() -> Terms<'static> {
    Terms { service: Service::Batch, region: None }
}

fn tier(name: &str) -> Terms<'_> {
    Terms { service: Service::from(name), region: None }
}

fn region(name: &str) -> Terms<'_> {
    Terms { service: Service::Standard, region: Some(name) }
}

#[test]
fn plain_and_cached_usage_costs_what_the_hand_computed() {
    let cached = |input, cache_read, output| BilledTokens { input, cache_read, output, ..NONE };
    let table = [
        // 1,000 x 2.5 + 500 x 10
        ("gpt-4o", plain(1_000, 500), 7_500),
        // 7 x 0.15 + 3 x 0.6 = 2.85, up to 3
        ("gpt-4o-mini", plain(7, 3), 3),
        // one token of 0.05 is a twentieth of a micro-dollar
        ("gpt-5-nano", plain(1, 0), 1),
        // 20 x 0.05 = 1 exactly: nothing to round
        ("gpt-5-nano", plain(20, 0), 1),
        // 1 x 0.05 + 1 x 0.4 = 0.45: rounded once, not twice
        ("gpt-5-nano", plain(1, 1), 1),
        // 21 x 0.05 = 1.05
        ("gpt-5-nano", plain(21, 0), 2),
        // nothing costs nothing
        ("gpt-5-nano", NONE, 0),
        // 1,234 x 0.0375 + 567 x 0.15 = 46.275 + 85.05 = 131.325
        ("command-r7b-12-2024", plain(1_234, 567), 132),
        // 200 x 2.5 + 800 x 1.25 + 100 x 10
        ("gpt-4o", cached(200, 800, 100), 2_500),
        // 5 x 1.375 + 3 x 0.34375 + 2 x 11 = 6.875 + 1.03125 + 22 = 29.90625
        ("us.amazon.nova-2-pro-preview-20251202-v1:0", cached(5, 3, 2), 30),
        // no price for reads at all, so they cost what the prompt costs: (100 + 50) x 20 + 10 x 80
        ("o3-pro", cached(100, 50, 10), 3_800),
        // 10 x 3 + 1,000 x 0.3 + 20 x 15
        ("claude-sonnet-4-5", cached(10, 1_000, 20), 630),
    ];

    for (model, tokens, expected) in table {
        assert_eq!(cost(model, tokens, standard()), Some(expected), "{model} {tokens:?}");
    }
}

#[test]
fn writes_to_a_cache_and_reasoning_cost_what_the_hand_computed() {
    let written = |cache_write, cache_write_1h| BilledTokens { cache_write, cache_write_1h, ..NONE };
    let table = [
        // 1,000 x 3.75
        ("claude-sonnet-4-5", written(1_000, 0), Some(3_750)),
        // 1,000 x 6
        ("claude-sonnet-4-5", written(0, 1_000), Some(6_000)),
        // 100 x 6.25 + 10 x 10
        ("claude-opus-5", written(100, 10), Some(725)),
        // writes are free, which is a price
        ("deepseek-v4-pro", written(1_000, 0), Some(0)),
        // no price for writes at all: 1,000 x 2.5
        ("gpt-4o", written(1_000, 0), Some(2_500)),
        // a price for five minutes, none for an hour
        ("gpt-6-sol", written(0, 1), None),
        // reasoning is part of the answer: 300 x 10
        ("gpt-5", BilledTokens { reasoning: 300, ..NONE }, Some(3_000)),
        // 10 x 1.25 + 200 x 10 + 300 x 10
        ("gemini-2.5-pro", BilledTokens { input: 10, output: 200, reasoning: 300, ..NONE }, Some(5_013)),
    ];

    for (model, tokens, expected) in table {
        assert_eq!(cost(model, tokens, standard()), expected, "{model} {tokens:?}");
    }
}

#[test]
fn a_long_prompt_reprices_the_whole_request() {
    let table = [
        // exactly at the threshold, which has to be crossed: 272,000 x 2 + 1,000 x 10
        ("gpt-6-sol", plain(272_000, 1_000), 554_000),
        // one more: 272,001 x 4 + 1,000 x 15
        ("gpt-6-sol", plain(272_001, 1_000), 1_103_004),
        // cached tokens count: 1 x 4 + 272,000 x 0.4
        ("gpt-6-sol", BilledTokens { input: 1, cache_read: 272_000, ..NONE }, 108_804),
        // written ones too: 200,000 x 4 + 72,001 x 5
        ("gpt-6-sol", BilledTokens { input: 200_000, cache_write: 72_001, ..NONE }, 1_160_005),
        // the answer does not: 272,000 x 2 + 128,000 x 10
        ("gpt-6-sol", plain(272_000, 128_000), 1_824_000),
        // here the threshold itself is long: 200,000 x 4 + 10 x 12
        ("grok-4.7", plain(200_000, 10), 800_120),
        // 199,999 x 2 + 10 x 6
        ("grok-4.7", plain(199_999, 10), 400_058),
        // 200,001 x 2.5 + 100 x 15 = 500,002.5 + 1,500
        ("gemini-2.5-pro", plain(200_001, 100), 501_503),
        // 100,001 x 0.5 + 7 x 2.5 = 50,000.5 + 17.5
        ("claude-haiku-5-5", plain(100_001, 7), 50_018),
    ];

    for (model, tokens, expected) in table {
        assert_eq!(cost(model, tokens, standard()), Some(expected), "{model} {tokens:?}");
    }
}

#[test]
fn batches_tiers_and_regions_have_prices_of_their_own() {
    let table = [
        // 1,000 x 1.25 + 100 x 5
        ("gpt-4o", plain(1_000, 100), batch(), 1_750),
        // 3 x 0.05 + 1 x 0.25 = 0.4
        ("gpt-6-luna", plain(3, 1), batch(), 1),
        // 1,000 x 5 + 100 x 25
        ("gpt-6-astra", plain(1_000, 100), tier("flex"), 7_500),
        // 1,000 x 60 + 10 x 6 + 100 x 300
        (
            "gpt-6-astra",
            BilledTokens { input: 1_000, cache_read: 10, output: 100, ..NONE },
            tier("ultrafast"),
            90_060,
        ),
        // 1,000 x 10 + 10 x 50 + 100 x 12.5
        (
            "claude-opus-5",
            BilledTokens { input: 1_000, output: 10, cache_write: 100, ..NONE },
            tier("fast"),
            11_750,
        ),
        // 1,000 x 0.15 + 10 x 0.6
        ("deepseek-flash", plain(1_000, 10), tier("off_peak"), 156),
        // the vendors' words for the usual: 1,000 x 10
        ("gpt-6-astra", plain(1_000, 0), tier("default"), 10_000),
        // (3 x 10 + 1 x 50) x 1.1
        ("gpt-6-astra", plain(3, 1), region("eu"), 88),
        // (7 x 0.1 + 1 x 0.5) x 1.1 = 1.32
        ("gpt-6-luna", plain(7, 1), region("us"), 2),
        // long and regional: (272,001 x 0.2) x 1.1 = 59,840.22
        ("gpt-6-luna", plain(272_001, 0), region("us"), 59_841),
        // a region without a factor
        ("gpt-4o", plain(1_000, 0), region("us"), 2_500),
    ];

    for (model, tokens, terms, expected) in table {
        assert_eq!(cost(model, tokens, terms), Some(expected), "{model} {tokens:?} {terms:?}");
    }
}

#[test]
fn a_cost_is_unknown_when_a_price_that_it_needs_is() {
    let read = BilledTokens { input: 10, cache_read: 1, ..NONE };

    assert_eq!(cost("claude-sonnet-5", plain(10, 10), tier("priority")), None, "no such tier");
    assert_eq!(cost("claude-sonnet-5", read, batch()), None, "cached tokens in a batch");
    assert_eq!(cost("chat-latest", plain(1, 1), batch()), None, "no batches");
    assert_eq!(cost("gpt-6-astra", plain(272_001, 1), tier("flex")), None, "a long prompt in a tier");
    assert_eq!(Prices::default().cost(&plain(1, 0), standard()), None);
    assert_eq!(Prices::default().cost(&NONE, standard()), Some(Usd::ZERO), "what is not used needs no price");
}

#[test]
fn reasoning_with_a_price_of_its_own_has_it_under_standard_terms_only() {
    let prices: Prices = serde_json::from_value(serde_json::json!({
        "input": 1, "output": "2", "reasoning": 0.5, "batch": { "input": 0.5, "output": 1 },
    }))
    .expect("they are well formed");
    let tokens = BilledTokens { output: 10, reasoning: 10, ..NONE };

    assert_eq!(prices.cost(&tokens, standard()), Some(Usd::from_micros(25)));
    assert_eq!(prices.cost(&tokens, batch()), None);
    assert_eq!(prices.cost(&plain(10, 10), batch()), Some(Usd::from_micros(15)));
}

#[test]
fn a_reported_usage_is_counted_once() {
    let usage = Usage {
        input: Some(100),
        cache_read: Some(60),
        cache_write: Some(30),
        cache_write_1h: None,
        output: Some(50),
        reasoning: Some(20),
    };

    let tokens = BilledTokens::of(&usage).expect("it is complete");

    let expected =
        BilledTokens { input: 10, cache_read: 60, cache_write: 30, output: 30, reasoning: 20, ..NONE };
    assert_eq!(tokens, expected);
    assert_eq!(tokens.prompt(), 100);
    assert_eq!(BilledTokens::of(&Usage { input: Some(1), ..Usage::default() }), None);
    assert_eq!(BilledTokens::of(&Usage { output: Some(1), ..Usage::default() }), None);
}

#[test]
fn a_usage_that_contradicts_itself_is_never_more_than_its_totals() {
    let usage = Usage {
        input: Some(5),
        cache_read: Some(9),
        cache_write: Some(9),
        cache_write_1h: None,
        output: Some(1),
        reasoning: Some(4),
    };

    let tokens = BilledTokens::of(&usage).expect("it is complete");

    assert_eq!((tokens.prompt(), tokens.output, tokens.reasoning), (5, 0, 1));
}

#[test]
fn decimals_are_read_exactly_or_not_at_all() {
    let read = |text: &str| serde_json::from_str::<Price>(text).ok().map(Price::micros);

    assert_eq!(read("0.34375"), Some(343_750));
    assert_eq!(read("\"0.1\""), Some(100_000));
    assert_eq!(read("0.000001"), Some(1));
    assert_eq!(read("30"), Some(30_000_000));
    assert_eq!(read("0.1000000000000001"), None);
    assert_eq!(read("-1"), None);
    assert_eq!(read("\"free\""), None);
    assert_eq!(read("1e300"), None);
    assert_eq!(serde_json::from_str::<Factor>("1.1").expect("it is a decimal").millionths(), 1_100_000);
}

#[test]
fn decimals_are_written_as_they_are_read() {
    let price: Price = "12.50".parse().expect("it is a decimal");

    assert_eq!(serde_json::to_string(&price).expect("it can be written"), "\"12.5\"");
    assert_eq!(price.to_string(), "$12.5");
    assert_eq!(Price::from_micros(0).to_string(), "$0");
    assert_eq!(Price::from_micros(10_000_000).to_string(), "$10");
}

fn tokens_of(counts: [u64; 6]) -> BilledTokens {
    let [input, cache_read, cache_write, cache_write_1h, output, reasoning] = counts;
    BilledTokens { input, cache_read, cache_write, cache_write_1h, output, reasoning }
}

proptest! {
    #[test]
    fn more_tokens_never_cost_less(
        which in 0_usize..1_000,
        counts in proptest::array::uniform6(0_u64..400_000),
        more in proptest::array::uniform6(0_u64..400_000),
    ) {
        let priced: Vec<&Prices> =
            Registry::builtin().entries().filter_map(|entry| entry.prices.as_ref()).collect();
        let prices = priced[which % priced.len()];
        let mut sum = counts;
        for (count, more) in sum.iter_mut().zip(more) {
            *count += more;
        }

        let few = prices.cost(&tokens_of(counts), standard());
        let many = prices.cost(&tokens_of(sum), standard());

        if let (Some(few), Some(many)) = (few, many) {
            prop_assert!(few <= many, "{few} {many}");
        }
    }

    #[test]
    fn no_amount_overflows(
        counts in proptest::array::uniform6(proptest::num::u64::ANY),
        price in proptest::num::u64::ANY,
        factor in proptest::num::u64::ANY,
    ) {
        let price = Some(Price::from_micros(price));
        let mut prices = Prices::default();
        prices.standard.input = price;
        prices.standard.output = price;
        let text = format!("\"{}.{:06}\"", factor / 1_000_000, factor % 1_000_000);
        prices.regions.insert("us".to_owned(), serde_json::from_str(&text).expect("it is a decimal"));

        let plain = prices.cost(&tokens_of(counts), standard());
        let regional = prices.cost(&tokens_of(counts), region("us"));

        prop_assert!(plain.is_some() && regional.is_some());
    }

    #[test]
    fn a_cost_is_the_exact_sum_rounded_up(
        input in 0_u64..10_000_000, output in 0_u64..10_000_000,
        dear in 0_u64..500_000_000, cheap in 0_u64..500_000_000,
    ) {
        let mut prices = Prices::default();
        prices.standard.input = Some(Price::from_micros(cheap));
        prices.standard.output = Some(Price::from_micros(dear));

        let cost = prices.cost(&plain(input, output), standard()).map(Usd::micros).unwrap_or_default();

        let exact = u128::from(input) * u128::from(cheap) + u128::from(output) * u128::from(dear);
        prop_assert!(u128::from(cost) * 1_000_000 >= exact);
        prop_assert!(u128::from(cost.saturating_sub(1)) * 1_000_000 < exact || exact == 0);
    }
}
