//! What a bench found, as a page for people: ratios first, then each case with its table.

use std::fmt::Write as _;

/// One case's findings.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its heading.
    pub title: String,
    /// The sentences that matter, for the top of the page.
    pub ratios: Vec<String>,
    /// What was done and how it was measured.
    pub text: String,
    /// Column heads.
    pub columns: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}

impl Part {
    pub(crate) fn new(title: &str, columns: &[&str], text: &str) -> Part {
        Part {
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            text: text.to_owned(),
            ..Part::default()
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn ratio(&mut self, sentence: String) {
        self.ratios.push(sentence);
    }

    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = format!("## {}\n\n{}\n\n", self.title, self.text);
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        page += &line(&self.columns);
        page += &format!("|{}\n", " --- |".repeat(self.columns.len()));
        self.rows.iter().for_each(|row| page += &line(row));
        page
    }
}

/// The whole page.
#[must_use]
pub fn page(title: &str, preface: &str, machine: &[String], parts: &[Part]) -> String {
    let mut page = format!("# {title}\n\n{preface}\n\n");
    for line in machine {
        let _ = writeln!(page, "- {line}");
    }
    page += "\n## In short\n\n";
    for ratio in parts.iter().flat_map(|part| &part.ratios) {
        let _ = writeln!(page, "- {ratio}");
    }
    for part in parts {
        page += "\n";
        page += &part.markdown();
    }
    page
}

/// The middle one; of an even number the mean of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count.is_multiple_of(2) => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        count => sorted[count / 2],
    }
}

/// How much `y` grows for each `x`, by least squares.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let under: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    over / under
}

/// Three digits that mean something.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn thousands(value: f64) -> String {
    let plain = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_slopes_are_what_they_are_called() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
        let points = [(1.0, 12.0), (2.0, 14.0), (3.0, 16.0)];
        assert!((slope(&points) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn figures_have_as_many_digits_as_they_deserve() {
        let shown: Vec<_> = [1_234_567.0, 999.6, 123.4, 12.34, 1.234, -4_000.0]
            .map(digits)
            .into();
        assert_eq!(
            shown,
            ["1,234,567", "1000", "123", "12.3", "1.23", "-4,000"]
        );
    }

    #[test]
    fn the_page_has_the_ratios_before_the_tables() {
        let mut part = Part::new("Writes", &["a", "b"], "How.");
        part.row(["1".to_owned(), "2".to_owned()]);
        part.ratio("twice".to_owned());
        let page = page("T", "P", &["M".to_owned()], &[part]);
        let parts = "# T\n\nP\n\n- M\n\n## In short\n\n- twice\n\n## Writes\n\nHow.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n";
        assert_eq!(page, parts);
    }
}
