//! The order among the models of a route, and why it is that order.

use std::time::Duration;

use codeflow_model::Price;

use super::needs::Lack;
use super::{Hop, Needs, Route};
use crate::{ModelSource, Seen};

/// How much each thing counts; only the ratios matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// A low price of the prompt.
    pub cost: f64,
    /// A short wait for the first token, as seen lately.
    pub latency: f64,
    /// The order of the settings, which is what its author thinks of the models.
    pub quality: f64,
}

/// What was decided about one model of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The model's place in the route.
    pub place: usize,
    /// The better, the higher; between nothing and one.
    pub score: f64,
    /// Why it is not asked.
    pub lack: Option<Lack>,
}

impl Route {
    /// The models that may be asked, the best one first, by their places. Models that are away, and those whose prompt
    /// seems too long, come last: when nothing else is left, asking them tells why.
    pub fn order(&self, needs: &Needs, source: &dyn ModelSource) -> Vec<Ranking> {
        let needs = if self.require.is_nothing() { needs.clone() } else { self.require.and(needs) };
        let seen: Vec<Seen> = self.hops.iter().map(|hop| source.seen(&hop.provider, &hop.model)).collect();
        let scores = self.weights.map(|weights| scores(&self.hops, &seen, weights));
        let mut rankings: Vec<Ranking> = self
            .hops
            .iter()
            .enumerate()
            .map(|(place, hop)| {
                let lack = needs.lacking(hop.entry.as_deref(), &hop.client.describe().capabilities);
                let away = (!seen[place].available).then_some(Lack::Unavailable);
                let score = scores.as_ref().map_or(1.0 - place as f64 / 1e6, |scores| scores[place]);
                let lack = match (lack, away) {
                    (Some(lack), Some(away)) if lack.passes() => Some(away),
                    (lack, away) => lack.or(away),
                };
                Ranking { place, score, lack }
            })
            .collect();
        let group = |ranking: &Ranking| match &ranking.lack {
            None => 0,
            Some(Lack::Context { .. }) => 1,
            Some(Lack::Unavailable) => 2,
            Some(Lack::Feature(_) | Lack::Output { .. } | Lack::Price | Lack::Region) => 3,
        };
        rankings.sort_by(|a, b| {
            group(a).cmp(&group(b)).then(b.score.total_cmp(&a.score)).then(a.place.cmp(&b.place))
        });
        rankings
    }
}

/// Each thing is held against the best of the route, so that units do not matter. What is unknown counts as middling.
fn scores(hops: &[Hop], seen: &[Seen], weights: Weights) -> Vec<f64> {
    const MIDDLING: f64 = 0.5;
    let price = |hop: &Hop| hop.entry.as_ref()?.prices.as_ref()?.standard.input.map(Price::micros);
    let cheapest = hops.iter().filter_map(price).min();
    let quickest = seen.iter().filter_map(|seen| seen.latency).min();
    let ratio = |best: f64, own: f64| if own <= 0.0 { 1.0 } else { (best / own).clamp(0.0, 1.0) };
    let total = (weights.cost + weights.latency + weights.quality).max(f64::MIN_POSITIVE);
    hops.iter()
        .zip(seen)
        .enumerate()
        .map(|(place, (hop, seen))| {
            let cost = match (cheapest, price(hop)) {
                (Some(best), Some(own)) => ratio(best as f64, own as f64),
                _ => MIDDLING,
            };
            let latency = match (quickest, seen.latency) {
                (Some(best), Some(own)) => ratio(seconds(best), seconds(own)),
                _ => MIDDLING,
            };
            let quality = 1.0 - place as f64 / hops.len() as f64;
            (weights.cost * cost + weights.latency * latency + weights.quality * quality) / total
        })
        .collect()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
