//! `capacityProviderStrategy`: which provider the next task goes to. The base first, then by weight.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::request::{invalid, text};
use crate::error::AwsError;

/// One provider of a strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) struct Share {
    /// `capacityProvider`.
    pub provider: String,
    /// `base`: so many tasks run on it before weights count.
    pub base: u64,
    /// `weight`: its part of what goes beyond the base.
    pub weight: u64,
}

/// Reads a strategy.
///
/// # Errors
/// `InvalidParameterException`.
pub(in crate::ecs) fn read(strategy: &[Value]) -> Result<Vec<Share>, AwsError> {
    let mut shares = Vec::new();
    for item in strategy {
        let provider = text(item, "capacityProvider").ok_or_else(|| invalid("capacityProvider can not be blank."))?;
        let number = |name: &str| item.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (base, weight) = (number("base"), number("weight"));
        if base > 100_000 || weight > 1000 {
            return Err(invalid("The base must be between 0 and 100000 and the weight between 0 and 1000."));
        }
        shares.push(Share { provider: provider.to_owned(), base, weight });
    }
    if shares.len() > 1 && shares.iter().all(|share| share.weight == 0) {
        let text =
            "The specified capacity provider strategy must contain at least one capacity provider with a weight greater than 0.";
        return Err(invalid(text));
    }
    if shares.iter().filter(|share| share.base > 0).count() > 1 {
        let text = "The specified capacity provider strategy can only have one capacity provider with a base defined.";
        return Err(invalid(text));
    }
    Ok(shares)
}

/// The provider of the next task, given how many tasks each has; none for an empty strategy.
pub(in crate::ecs) fn next<'a>(shares: &'a [Share], running: &BTreeMap<String, u64>) -> Option<&'a Share> {
    let has = |share: &Share| running.get(&share.provider).copied().unwrap_or(0);
    if let Some(share) = shares.iter().find(|share| has(share) < share.base) {
        return Some(share);
    }
    // Whoever has the least of its part; (a + 1) / w of two is compared without dividing. The first of equals.
    let beyond = |share: &Share| has(share).saturating_sub(share.base) + 1;
    let weighty = shares.iter().filter(|share| share.weight > 0);
    let least =
        weighty.reduce(|best, share| if beyond(share) * best.weight < beyond(best) * share.weight { share } else { best });
    least.or_else(|| shares.first())
}
