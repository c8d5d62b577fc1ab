//! The query string of a request, decoded and checked.
//!
//! Owns: form decoding (`%XX`, and `+` for a space) and the texts that say what is wrong with a
//! parameter.

/// The decoded parameters, each at most once, each known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Decodes a raw query that may hold the parameters of `known` and no others.
    pub(super) fn parse(raw: &str, known: &[&str]) -> Result<Query, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let key = decode(key, true)?;
            if !known.contains(&key.as_str()) {
                return Err(match known {
                    [] => format!("Unknown query parameter {key:?}: this call takes none"),
                    known => format!(
                        "Unknown query parameter {key:?}: this call takes {}",
                        known.join(", ")
                    ),
                });
            }
            if pairs.iter().any(|(seen, _)| *seen == key) {
                return Err(format!("Query parameter {key} is given twice"));
            }
            let value = decode(value, true)?;
            pairs.push((key, value));
        }
        Ok(Query { pairs })
    }

    /// The value of a parameter.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there and not be empty.
    pub(super) fn required(&self, key: &str) -> Result<&str, String> {
        match self.value(key) {
            Some("") => Err(format!("Query parameter {key} is empty")),
            Some(value) => Ok(value),
            None => Err(format!("Query parameter {key} is required")),
        }
    }

    /// A whole number within `range`, which must be there.
    pub(super) fn within(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, String> {
        let text = self.required(key)?;
        whole(text)
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "Query parameter {key} must be a whole number from {} to {}, not {text:?}",
                    range.start(),
                    range.end()
                )
            })
    }

    /// A size in pixels, if it is there.
    pub(super) fn pixels(&self, key: &str) -> Result<Option<u32>, String> {
        let Some(text) = self.value(key) else {
            return Ok(None);
        };
        match whole(text).and_then(|number| u32::try_from(number).ok()) {
            Some(number) if number > 0 => Ok(Some(number)),
            _ => Err(format!(
                "Query parameter {key} must be a positive whole number of pixels, not {text:?}"
            )),
        }
    }

    /// A duration in seconds, if it is there.
    pub(super) fn seconds(&self, key: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.value(key) else {
            return Ok(None);
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match text.parse::<f64>() {
            Ok(number) if plain && number > 0.0 => Ok(Some(number)),
            _ => Err(format!(
                "Query parameter {key} must be a positive number of seconds, not {text:?}"
            )),
        }
    }
}

/// Decodes `%XX`, and `+` as a space where `plus_is_space`.
pub(super) fn decode(text: &str, plus_is_space: bool) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let value = match tail {
                    [high, low, ..] => hex(*high).zip(hex(*low)),
                    _ => None,
                };
                let Some((high, low)) = value else {
                    return Err(format!("{text:?} is not URL-encoded: a % stands alone"));
                };
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{text:?} does not decode to UTF-8"))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A number in plain decimal digits: no sign, no space.
fn whole(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_form_decoded() {
        let query = Query::parse("name=a+b%2Bc%20%C3%A9&email=", &["name", "email"]).unwrap();
        assert_eq!(query.value("name"), Some("a b+c é"));
        assert_eq!(query.required("email").unwrap_err(), "Query parameter email is empty");
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for raw in ["name=%", "name=%4", "name=%zz", "name=%ff", "name=a&name=b", "nom=a"] {
            assert!(Query::parse(raw, &["name"]).is_err(), "{raw}");
        }
    }

    #[test]
    fn numbers_are_plain_digits_within_their_range() {
        let query = |raw| Query::parse(raw, &["n"]).unwrap();
        assert_eq!(query("n=50").within("n", 1..=50), Ok(50));
        for raw in ["n=0", "n=51", "n=-1", "n=+1", "n=%2B1", "n=1.0", "n=x", "n=", ""] {
            assert!(query(raw).within("n", 1..=50).is_err(), "{raw}");
        }
        for raw in ["n=0", "n=4294967296", "n=1e3", "n="] {
            assert!(query(raw).pixels("n").is_err(), "{raw}");
        }
        assert_eq!(query("n=10.5").seconds("n"), Ok(Some(10.5)));
        for raw in ["n=0", "n=-1", "n=inf", "n=NaN", "n=1e3", "n="] {
            assert!(query(raw).seconds("n").is_err(), "{raw}");
        }
    }
}
