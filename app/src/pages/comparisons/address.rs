use domain::Name;
use domain::comparisons::Asked;

/// What the page shows, which its address says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Address {
    pub(super) project: Name,
    pub(super) asked: Asked,
    /// With what is the same everywhere.
    pub(super) is_whole: bool,
}

impl Address {
    /// Of the same from the API.
    pub(super) fn api(&self) -> String {
        let query = self.query(false);
        format!("/api/v1/projects/{}/compare?{query}", self.project)
    }

    fn href(&self) -> String {
        format!("/p/{}/compare?{}", self.project, self.query(true))
    }

    fn query(&self, is_page: bool) -> String {
        let mut query = String::new();
        for (name, value) in self.fields(is_page) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            encode(&value, &mut query);
        }
        query
    }

    /// For a form that changes one of them.
    pub(super) fn fields(&self, is_page: bool) -> Vec<(&'static str, String)> {
        let asked = &self.asked;
        let mut fields = Vec::new();
        for version in &asked.version {
            fields.push(("version", version.clone()));
        }
        for run in &asked.run {
            fields.push(("run", run.clone()));
        }
        for (name, value) in [("baseline", &asked.baseline), ("class", &asked.class)] {
            if let Some(value) = value {
                fields.push((name, value.clone()));
            }
        }
        if is_page && self.is_whole {
            fields.push(("all", "1".to_owned()));
        }
        fields
    }

    pub(super) fn chosen(&self) -> Vec<String> {
        let mut chosen = self.asked.version.clone();
        chosen.extend(self.asked.run.iter().cloned());
        chosen
    }

    /// The same page with all rows, or without those that are the same everywhere.
    pub(super) fn toggled(&self) -> String {
        let mut other = self.clone();
        other.is_whole = !other.is_whole;
        other.href()
    }

    /// With `asked` as what the others are compared to.
    pub(super) fn beside(&self, asked: &str) -> String {
        let mut other = self.clone();
        other.asked.baseline = Some(asked.to_owned());
        other.href()
    }

    pub(super) fn without(&self, asked: &str) -> String {
        let mut other = self.clone();
        other.asked.version.retain(|version| version != asked);
        other.asked.run.retain(|run| run != asked);
        if other.asked.baseline.as_deref() == Some(asked) {
            other.asked.baseline = None;
        }
        other.href()
    }
}

fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'@') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_what_is_shown() {
        let address = Address {
            project: Name::new("demo").unwrap(),
            asked: Asked {
                version: vec!["price/1".to_owned(), "price/@best".to_owned()],
                run: vec!["r".to_owned()],
                baseline: Some("price/1".to_owned()),
                class: Some("a&b=ü".to_owned()),
            },
            is_whole: false,
        };
        let versions = "version=price/1&version=price/@best&run=r";
        assert_eq!(
            address.toggled(),
            format!("/p/demo/compare?{versions}&baseline=price/1&class=a%26b%3D%C3%BC&all=1")
        );
        assert_eq!(
            address.without("price/1"),
            "/p/demo/compare?version=price/@best&run=r&class=a%26b%3D%C3%BC"
        );
        assert!(
            address
                .beside("r")
                .ends_with("&baseline=r&class=a%26b%3D%C3%BC")
        );
        assert!(!address.api().contains("all="));
    }
}
