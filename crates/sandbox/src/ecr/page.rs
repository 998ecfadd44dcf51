//! Pages of a list, with a token that is opaque to the caller.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::request::{Paging, invalid};
use crate::error::AwsError;

const DEFAULT: usize = 100;
const LARGEST: usize = 1000;

/// One page of a list, and the token of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The page.
    pub items: Vec<T>,
    /// None on the last page.
    pub next: Option<String>,
}

/// Cuts a page out of a list whose order does not change between calls.
///
/// # Errors
/// A page size out of range, or a token that was not given out.
pub fn page<T>(items: Vec<T>, paging: &Paging) -> Result<Page<T>, AwsError> {
    let size = paging.max_results.unwrap_or(DEFAULT);
    if !(1..=LARGEST).contains(&size) {
        return Err(invalid("maxResults", "Member must have value between 1 and 1000"));
    }
    let start = match &paging.next_token {
        None => 0,
        Some(token) => position(token).ok_or_else(|| invalid("nextToken", "Invalid next token"))?,
    };
    let end = start.saturating_add(size);
    let next = (end < items.len()).then(|| STANDARD.encode(format!("from:{end}")));
    Ok(Page { items: items.into_iter().skip(start).take(size).collect(), next })
}

fn position(token: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("from:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_the_list_once() {
        let list: Vec<u32> = (0..250).collect();
        let mut paging = Paging::default();
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let page = page(list.clone(), &paging).unwrap();
            pages += 1;
            seen.extend(page.items);
            paging.next_token = page.next;
            if paging.next_token.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (list, 3));
    }

    #[test]
    fn bad_tokens_and_sizes_are_refused() {
        let ask = |max_results, token: Option<&str>| {
            let next_token = token.map(str::to_owned);
            page(vec![1, 2], &Paging { max_results, next_token })
        };
        for bad in [ask(Some(0), None), ask(Some(1001), None), ask(None, Some("?")), ask(None, Some("YQ=="))] {
            assert_eq!(bad.unwrap_err().code, "InvalidParameterException");
        }
        assert_eq!(ask(Some(2), None).unwrap().next, None);
    }
}
