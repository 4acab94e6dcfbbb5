//! From Markdown that somebody wrote to HTML that is safe to show.

use pulldown_cmark::{
    Alignment, CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd,
    html::push_html,
};

/// Where links may lead: everything else becomes plain text.
const SCHEMES: [&str; 3] = ["http:", "https:", "mailto:"];
/// Deeper lists and quotes are flattened: browsers lose their way in thousands of elements within each other.
const DEEPEST: usize = 32;

/// HTML without scripts, styles, images and attributes of the author's own; tags that he wrote are shown as text. Headings begin at
/// the third level, below those of a page.
#[must_use]
pub fn html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut sieve = Sieve::default();
    let events = Parser::new_ext(markdown, options).filter_map(|event| sieve.pass(event));
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    push_html(&mut html, events);
    html
}

#[derive(Default)]
struct Sieve {
    /// Of each element that the author opened, whether it was let through.
    open: Vec<bool>,
    /// How many of them were.
    depth: usize,
}

impl Sieve {
    fn pass<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Start(tag) => {
                let tag = start(tag).filter(|_| self.depth < DEEPEST);
                self.open.push(tag.is_some());
                self.depth += usize::from(tag.is_some());
                tag.map(Event::Start)
            }
            Event::End(tag) => {
                let is_shown = self.open.pop().unwrap_or(false);
                self.depth -= usize::from(is_shown);
                is_shown.then(|| Event::End(end(tag)))
            }
            // Text is escaped.
            Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
            Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::Rule => {
                Some(event)
            }
            // None of these is asked for.
            Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => None,
        }
    }
}

fn start(tag: Tag<'_>) -> Option<Tag<'_>> {
    match tag {
        Tag::Heading { level, .. } => Some(Tag::Heading {
            level: below(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Tag::Link {
            link_type,
            dest_url,
            id,
            ..
        } => {
            let is_mail = matches!(link_type, pulldown_cmark::LinkType::Email);
            (is_mail || may_lead_to(&dest_url)).then_some(Tag::Link {
                link_type,
                dest_url,
                title: CowStr::Borrowed(""),
                id,
            })
        }
        // The language would become a class of the page's own.
        Tag::CodeBlock(_) => Some(Tag::CodeBlock(CodeBlockKind::Indented)),
        // An alignment would become a style, which the page's policy refuses.
        Tag::Table(columns) => Some(Tag::Table(vec![Alignment::None; columns.len()])),
        Tag::BlockQuote(_) => Some(Tag::BlockQuote(None)),
        Tag::Paragraph
        | Tag::List(_)
        | Tag::Item
        | Tag::TableHead
        | Tag::TableRow
        | Tag::TableCell
        | Tag::Emphasis
        | Tag::Strong
        | Tag::Strikethrough => Some(tag),
        // What stands within, such as what describes an image, is shown.
        _ => None,
    }
}

fn end(tag: TagEnd) -> TagEnd {
    match tag {
        TagEnd::Heading(level) => TagEnd::Heading(below(level)),
        TagEnd::BlockQuote(_) => TagEnd::BlockQuote(None),
        tag => tag,
    }
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// Browsers pass over blanks and control characters before and within a scheme: none may stand there.
fn may_lead_to(url: &str) -> bool {
    let is_plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    let lower = url.to_ascii_lowercase();
    is_plain && SCHEMES.iter().any(|scheme| lower.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_shown() {
        let shown = html(
            "# Title\n\nSome *text*, `code`, [a link](https://example.com/a?b=1&c=2).\n\n| a | b |\n|:-:|--:|\n| 1 | 2 |\n",
        );
        for part in [
            "<h3>Title</h3>",
            "<em>text</em>",
            "<code>code</code>",
            "<a href=\"https://example.com/a?b=1&amp;c=2\">a link</a>",
            "<th>a</th>",
            "<td>2</td>",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        assert!(!shown.contains("style"), "{shown}");
    }

    #[test]
    fn nothing_hostile_is_let_through() {
        for hostile in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<svg/onload=alert(1)>",
            "<iframe src=\"https://example.com\"></iframe>",
            "![x](https://example.com/x.png)",
            "![<img src=x onerror=alert(1)>](x)",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](java\u{1}script:alert(1))",
            "[x](&#106;avascript:alert(1))",
            "[x](<java\tscript:alert(1)>)",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:msgbox)",
            "[x](//example.com/x)",
            "[x](/auth/sign-out)",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "[x](https://example.com \"\\\" onmouseover=alert(1) \\\"\")",
            "[x](https://example.com/\"onmouseover=alert(1))",
            "```\"onmouseover=alert(1)\nx\n```",
            "~~~ <b>\n</code></pre><script>alert(1)</script>\n~~~",
            "# x {#id .class onclick=alert(1)}",
            "> [!NOTE]\n> <script>x</script>",
            "| <script>x</script> |\n|---|\n| <style>*{}</style> |",
            "<!-- --><script>x</script>",
            "<?php x ?>",
            "<![CDATA[<script>x</script>]]>",
            "\u{0}<script\u{0}>x</script>",
        ] {
            let shown = html(hostile);
            // Whatever is left of tags are ours, without attributes but the address of a link.
            let mut rest = shown.as_str();
            while let Some(begin) = rest.find('<') {
                rest = &rest[begin + 1..];
                let end = rest.find('>').expect("a tag ends");
                let tag = &rest[..end];
                let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
                let name = name.trim_start_matches('/').trim_end_matches('/');
                let is_ours = [
                    "p",
                    "a",
                    "h3",
                    "pre",
                    "code",
                    "table",
                    "thead",
                    "tbody",
                    "tr",
                    "th",
                    "td",
                    "blockquote",
                ];
                assert!(is_ours.contains(&name), "{hostile:?} became {shown}");
                let is_address = attributes
                    .strip_prefix("href=\"https://example.com")
                    .and_then(|rest| rest.strip_suffix('"'))
                    .is_some_and(|rest| !rest.contains('"'));
                assert!(
                    attributes.is_empty() || attributes == "/" || (name == "a" && is_address),
                    "{hostile:?} became {shown}"
                );
            }
        }
    }

    #[test]
    fn mail_is_linked_and_other_places_are_text() {
        assert!(html("<ada@example.com>").contains("<a href=\"mailto:ada@example.com\">"));
        assert!(
            html("[us](mailto:ada@example.com)").contains("<a href=\"mailto:ada@example.com\">")
        );
        assert_eq!(html("[us](ftp://example.com)"), "<p>us</p>\n");
    }

    #[test]
    fn depth_is_bounded_and_elements_close() {
        let shown = html(&">".repeat(60_000));
        assert!(shown.matches("<blockquote>").count() <= DEEPEST);
        for hostile in [
            "- ".repeat(20_000),
            "*a **b ".repeat(8_000),
            "[".repeat(60_000),
        ] {
            let shown = html(&hostile);
            for tag in ["blockquote", "ul", "li", "em", "strong", "p"] {
                let (opened, closed) = (format!("<{tag}>"), format!("</{tag}>"));
                assert_eq!(
                    shown.matches(&opened).count(),
                    shown.matches(&closed).count()
                );
            }
        }
    }
}
