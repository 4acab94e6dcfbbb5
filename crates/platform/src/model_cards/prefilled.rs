//! The card that nobody has written yet: what is known of the version, and places for what only people know.

use std::fmt::Write as _;

use domain::datasets::DatasetVersion;
use domain::models::{ClassEvaluation, Evaluation, InputField, ModelVersion, Task};
use domain::training_runs::{SplitMethod, TrainingRun};

/// What is listed one by one of inputs and classes.
const MOST_LISTED: usize = 50;
/// Of what the model relies on.
const MOST_IMPORTANT: usize = 10;

pub(super) fn markdown(
    version: &ModelVersion,
    run: Option<&TrainingRun>,
    dataset: Option<&DatasetVersion>,
) -> String {
    let mut card = Card::default();
    card.line(&format!("# {} v{}", version.model, version.version));
    card.section("Intended use");
    card.line("*Not written yet: what the model is for, who may rely on it, and what it must not be used for.*");
    data(&mut card, version, run, dataset);
    training(&mut card, version, run);
    metrics(&mut card, version);
    inputs(&mut card, &version.signature.inputs);
    if let Some(evaluation) = &version.evaluation {
        importance(&mut card, evaluation);
    }
    caveats(&mut card, version);
    card.text
}

#[derive(Default)]
struct Card {
    text: String,
}

impl Card {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n\n");
    }

    fn item(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "- {name}: {value}");
    }

    fn table(&mut self, heads: &[&str]) {
        self.row(heads.iter().map(|head| (*head).to_owned()));
        self.row(heads.iter().map(|_| "---".to_owned()));
    }

    fn row(&mut self, cells: impl Iterator<Item = String>) {
        self.text.push('|');
        for cell in cells {
            let _ = write!(self.text, " {cell} |");
        }
        self.text.push('\n');
    }
}

/// A name as it is, whatever is in it: between more backticks than it has in a row.
fn code(name: &str) -> String {
    let plain = one_line(name);
    let mut longest = 0;
    let mut run = 0;
    for c in plain.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    // A blank keeps the fence apart from a backtick at either end.
    let pad = if plain.starts_with('`') || plain.ends_with('`') || plain.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{}{pad}{fence}", plain.replace('|', "\\|"))
}

/// A text of which no character means anything.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if "\\`*_[]<>|~&#!".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Of several models that answer together, parameters are long.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// To four digits after the point, or as many that tell.
fn number(value: f64) -> String {
    let places = if value.abs() < 1.0 { 4 } else { 2 };
    let text = format!("{value:.places$}");
    if value != 0.0 && text.trim_matches(['-', '0', '.']).is_empty() {
        return format!("{value:.2e}");
    }
    text
}

fn data(
    card: &mut Card,
    version: &ModelVersion,
    run: Option<&TrainingRun>,
    dataset: Option<&DatasetVersion>,
) {
    card.section("Data");
    match (&version.dataset, version.dataset_version) {
        (Some(name), Some(number)) => {
            card.item("Dataset", &format!("{} v{number}", code(name.as_str())));
        }
        _ => card
            .line("- Not known: the version was not trained here. *Say what it was trained on.*"),
    }
    if let Some(dataset) = dataset {
        card.item("SHA-256 of its file", &code(&dataset.sha256));
        if let Some(rows) = dataset.rows {
            card.item("Rows", &rows.to_string());
        }
    }
    if let Some(run) = run {
        let split = &run.spec.split;
        let method = split.method.map_or("random", SplitMethod::as_str);
        let by = split
            .column
            .as_deref()
            .map(|column| format!(" by {}", code(column)));
        let held_out = format!(
            "{} % of the rows, {method}{}, seed {}",
            number(split.test_fraction * 100.0),
            by.unwrap_or_default(),
            split.seed
        );
        card.item("Held out", &held_out);
    }
    for (key, name) in [
        ("train_rows", "Rows to train on"),
        ("test_rows", "Held-out rows"),
    ] {
        if let Some(count) = version.metrics.get(key) {
            card.item(name, &format!("{count:.0}"));
        }
    }
}

fn training(card: &mut Card, version: &ModelVersion, run: Option<&TrainingRun>) {
    card.section("Model");
    let output = &version.signature.output;
    let predicts = match (&output.classes, output.task) {
        (Some(classes), _) => {
            let named: Vec<String> = classes
                .iter()
                .take(MOST_LISTED)
                .map(|it| code(it))
                .collect();
            let more = match classes.len().saturating_sub(MOST_LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("one of {}{more}", named.join(", "))
        }
        (None, Task::Regression) => "a number".to_owned(),
        (None, Task::Classification) => "a class".to_owned(),
    };
    card.item("Predicts", &format!("{}: {predicts}", code(&output.name)));
    card.item("Algorithm", &plain(&version.algorithm.replace('_', " ")));
    if let Some(params) = version.params.as_object() {
        for (name, value) in params {
            card.item(&code(name), &code(&shortened(&value.to_string())));
        }
    }
    if let Some(run) = run {
        if run.spec.algorithm.as_str() != version.algorithm {
            card.item("Asked for", &code(run.spec.algorithm.as_str()));
        }
        card.item("Training run", &code(&run.id.to_string()));
    }
    if !version.sha256.is_empty() {
        card.item("SHA-256 of the artifact", &code(&version.sha256));
    }
}

fn metrics(card: &mut Card, version: &ModelVersion) {
    card.section("Metrics");
    if version.metrics.is_empty() {
        card.line(
            "Not measured: the version was not trained here. *Say how it was judged, and on what.*",
        );
        return;
    }
    card.line("On rows that training did not see, beside what one would reach without a model.");
    card.line("");
    card.table(&["Metric", "This model", "Without a model"]);
    for (key, name) in [
        ("rmse", "RMSE"),
        ("mae", "MAE"),
        ("r2", "R²"),
        ("log_loss", "Log loss"),
        ("roc_auc", "ROC AUC"),
        ("pr_auc", "PR AUC"),
        ("accuracy", "Accuracy"),
        ("f1", "F1"),
        ("brier", "Brier score"),
    ] {
        let Some(value) = version.metrics.get(key) else {
            continue;
        };
        let baseline = version.metrics.get(&format!("baseline_{key}"));
        let baseline = baseline.map_or("not computed".to_owned(), |value| number(*value));
        card.row([name.to_owned(), number(*value), baseline].into_iter());
    }
    let evaluation = version.evaluation.as_ref();
    if let Some(classes) = evaluation.and_then(|it| it.classification.as_ref()) {
        per_class(card, classes);
    }
}

fn per_class(card: &mut Card, classes: &ClassEvaluation) {
    card.line("");
    card.line("### Class by class");
    card.line("");
    card.table(&[
        "Class",
        "Held-out rows",
        "Precision",
        "Recall",
        "F1",
        "ROC AUC",
    ]);
    let share = |value: Option<f64>| value.map_or("–".to_owned(), number);
    let both = classes.classes.iter().zip(&classes.per_class);
    for (class, metrics) in both.take(MOST_LISTED) {
        let cells = [
            code(class),
            metrics.rows.to_string(),
            share(metrics.precision),
            share(metrics.recall),
            share(metrics.f1),
            share(metrics.roc_auc),
        ];
        card.row(cells.into_iter());
    }
    more(card, classes.classes.len(), "classes");
}

fn inputs(card: &mut Card, inputs: &[InputField]) {
    card.section("Inputs");
    if inputs.is_empty() {
        card.line("None are known.");
        return;
    }
    card.table(&["Input", "Type", "Seen in training", "When missing"]);
    for input in inputs.iter().take(MOST_LISTED) {
        let seen = match (&input.categories, input.min, input.max) {
            (Some(categories), _, _) => format!("{} categories", categories.len()),
            (None, Some(min), Some(max)) => format!("{min} to {max}"),
            _ => "–".to_owned(),
        };
        let missing = match (&input.impute, input.nullable) {
            (Some(impute), _) => format!("taken as {}", plain(impute)),
            (None, true) => "allowed".to_owned(),
            (None, false) => "refused".to_owned(),
        };
        let kind = input.kind.as_str().to_owned();
        card.row([code(&input.name), kind, seen, missing].into_iter());
    }
    more(card, inputs.len(), "inputs");
}

fn more(card: &mut Card, count: usize, what: &str) {
    if let Some(more) = count.checked_sub(MOST_LISTED).filter(|more| *more > 0) {
        card.line("");
        card.line(&format!("And {more} more {what}."));
    }
}

fn importance(card: &mut Card, evaluation: &Evaluation) {
    let (measure, pairs): (String, Vec<(&str, f64)>) = match &evaluation.permutation {
        Some(permutation) => (
            format!("Rise of the {} without it", permutation.metric.label()),
            permutation
                .importances
                .iter()
                .map(|it| (it.feature.as_str(), it.mean))
                .collect(),
        ),
        None if !evaluation.importances.is_empty() => (
            "Share of the gain".to_owned(),
            evaluation
                .importances
                .iter()
                .map(|it| (it.feature.as_str(), it.gain))
                .collect(),
        ),
        None => (
            "Effect of one standard deviation".to_owned(),
            evaluation
                .coefficients
                .iter()
                .map(|it| (it.feature.as_str(), it.standardized))
                .collect(),
        ),
    };
    if pairs.is_empty() {
        return;
    }
    card.section("What it relies on");
    card.table(&["Input", &measure]);
    for (feature, value) in pairs.into_iter().take(MOST_IMPORTANT) {
        card.row([code(feature), number(value)].into_iter());
    }
}

fn caveats(card: &mut Card, version: &ModelVersion) {
    card.section("Caveats");
    let mut found = 0;
    if let Some(evaluation) = &version.evaluation {
        for warning in &evaluation.warnings {
            card.line(&format!("- {}", plain(warning)));
            found += 1;
        }
        for dropped in evaluation.dropped.iter().take(MOST_LISTED) {
            card.line(&format!(
                "- {} was left out: {}",
                code(&dropped.column),
                plain(&dropped.reason)
            ));
            found += 1;
        }
        more(card, evaluation.dropped.len(), "columns were left out");
    }
    let task = version.signature.output.task;
    let key = task.metric().as_str();
    let baseline = version.metrics.get(&format!("baseline_{key}"));
    if let (Some(value), Some(baseline)) = (version.metrics.get(key), baseline)
        && value >= baseline
    {
        card.line("- The model does no better than what one would say without one.");
        found += 1;
    }
    if found == 0 {
        card.line("- None were found in training.");
    }
    card.line("- *Not written yet: where the model fails, and whom it may wrong.*");
}

#[cfg(test)]
mod tests {
    use super::super::html;
    use super::{code, number, plain};

    #[test]
    fn names_stay_as_they_are() {
        for name in [
            "median_income",
            "a`b``c",
            "`",
            "*x* _y_ <b> [l](javascript:x)",
            "a\nb",
        ] {
            let shown = html(&code(name));
            let text = name
                .replace('\n', " ")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            assert_eq!(shown, format!("<p><code>{text}</code></p>\n"), "{name:?}");
        }
        let cell = html(&format!("| a |\n|---|\n| {} |\n", code("x|y")));
        assert!(cell.contains("<td><code>x|y</code></td>"), "{cell}");
    }

    #[test]
    fn texts_mean_nothing() {
        let text = "*a* _b_ `c` [d](https://e) <f> # g | h & i ~~j~~ ![k](l)";
        let shown = html(&format!("x {}", plain(text)));
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        assert_eq!(shown, format!("<p>x {text}</p>\n"));
    }

    #[test]
    fn numbers_are_short_and_never_falsely_zero() {
        assert_eq!(number(0.123_456), "0.1235");
        assert_eq!(number(46_012.25), "46012.25");
        assert_eq!(number(0.000_001), "1.00e-6");
        assert_eq!(number(0.0), "0.0000");
    }
}
