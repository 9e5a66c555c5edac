//! Renders sections as one self-contained HTML page.

use super::block::{Block, Figure, Row, Section, Table};
use super::run::Run;
use crate::chart::escape;
use crate::train::paper_cost::figures;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page: no reference leaves it, and without its script it only loses what moves.
pub(super) fn render(title: &str, runs: &[Run], sections: &[Section]) -> String {
    let title = escape(title);
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"hwsim {version}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title} – hwsim report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p class=\"sub\">{}</p>\n</header>\n",
        subtitle(runs)
    );
    page.push_str("<nav aria-label=\"Sections\"><ul>\n");
    for section in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<li><a href=\"#{}\">{}</a></li>", section.id, section.short);
    }
    page.push_str("</ul></nav>\n<main>\n");
    for run in runs.iter().filter(|run| run.partial.is_some()) {
        let _ = writeln!(
            page,
            "<p class=\"partial\" role=\"note\"><strong>Partial:</strong> {}, up to step {} ({}).</p>",
            escape(&run.name),
            run.last_step,
            run.partial.unwrap_or_default()
        );
    }
    for section in sections {
        let _ = writeln!(
            page,
            "<section id=\"{0}\" aria-labelledby=\"{0}-heading\">\n<h2 id=\"{0}-heading\">{1}</h2>\n<div class=\"grid\">",
            section.id,
            escape(section.title)
        );
        for block in &section.blocks {
            match block {
                Block::Figure(figure) => self::figure(&mut page, figure, runs),
                Block::Table(table) => self::table(&mut page, table),
                Block::Note(text) => {
                    let _ = writeln!(page, "<p class=\"note\">{}</p>", escape(text));
                }
                Block::Heading(text) => {
                    let _ = writeln!(page, "<h3>{}</h3>", escape(text));
                }
                Block::Text(name, text) => {
                    let _ = writeln!(
                        page,
                        "<details><summary>{}</summary><pre>{}</pre></details>",
                        escape(name),
                        escape(text)
                    );
                }
            }
        }
        page.push_str("</div>\n</section>\n");
    }
    let _ = write!(
        page,
        "</main>\n<footer>hwsim {version}</footer>\n<div id=\"tip\" role=\"status\" hidden></div>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    page
}

/// One line about the kind of page.
fn subtitle(runs: &[Run]) -> String {
    let mut words: Vec<String> = Vec::new();
    for run in runs {
        let parts = [run.word("arch"), run.word("dataset")];
        if let [Some(network), Some(dataset)] = parts {
            let word = format!("{network} on {dataset}");
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    let count = match runs.len() {
        1 => "One run".to_owned(),
        count => format!("{count} runs"),
    };
    let of = if words.is_empty() { "" } else { ": " };
    escape(&format!("{count}{of}{}", words.join(", ")))
}

fn figure(page: &mut String, figure: &Figure, runs: &[Run]) {
    let class = match (figure.wide, figure.new_row) {
        (true, _) => " class=\"wide\"",
        (false, true) => " class=\"row\"",
        (false, false) => "",
    };
    // A panel of one run says so at the end of its title; a page of one run has no need to.
    let run = runs.iter().find(|run| figure.title.ends_with(&format!(": {}", run.name)));
    let run = run.or((runs.len() == 1).then(|| &runs[0]));
    let run = run.map_or(String::new(), |run| format!(" data-run=\"{}\"", escape(&run.name)));
    let _ = write!(
        page,
        "<figure{class}{run}>\n{}\n<figcaption><strong>{}</strong><p>{}</p></figcaption>\n<script type=\"application/json\">{}</script>\n</figure>\n",
        figure.drawing.svg,
        escape(&figure.title),
        escape(&figure.caption),
        figure.drawing.data
    );
}

/// The definition of the figure called `name`, if it is one.
fn tooltip(name: &str) -> String {
    let figure = figures::labelled(name);
    figure.map_or(String::new(), |figure| format!(" title=\"{}\"", escape(&figure.text())))
}

fn table(page: &mut String, table: &Table) {
    let caption = match table.caption.as_str() {
        "" => String::new(),
        text => format!("<p>{}</p>", escape(text)),
    };
    let _ = write!(
        page,
        "<div class=\"table\"><table>\n<caption><strong>{}</strong>{caption}</caption>\n<thead><tr>",
        escape(&table.title)
    );
    // A column with longer text in it begins at the left as a whole.
    let text: Vec<bool> = (0..table.head.len())
        .map(|column| {
            let mut cells = table.rows.iter().filter_map(|row| row.cells.get(column)?.as_deref());
            cells.any(|cell| cell.chars().count() > 24)
        })
        .collect();
    let class = |column: usize| match text.get(column) {
        Some(true) if column > 0 => " class=\"text\"",
        _ => "",
    };
    for (column, name) in table.head.iter().enumerate() {
        if name.is_empty() {
            page.push_str("<td></td>");
        } else {
            let _ = write!(
                page,
                "<th scope=\"col\"{}{}>{}</th>",
                class(column),
                tooltip(name),
                escape(name)
            );
        }
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for Row { cells, set_off } in &table.rows {
        page.push_str(if *set_off { "<tr class=\"set\">" } else { "<tr>" });
        for (column, cell) in cells.iter().enumerate() {
            let text = cell.as_deref().map_or("–".to_owned(), escape);
            let _ = match column {
                0 => write!(
                    page,
                    "<th scope=\"row\"{}>{text}</th>",
                    tooltip(cell.as_deref().unwrap_or_default())
                ),
                _ => write!(page, "<td{}>{text}</td>", class(column)),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}
