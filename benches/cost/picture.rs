//! A picture of the comparisons that a user cares about, as SVG: a bar for us and one for the other.

use crate::table::Row;
use std::fmt::Write;

const WIDTH: f64 = 420.0;
const LEFT: f64 = 300.0;
const ROW: f64 = 46.0;

/// Returns the picture of these rows.
pub fn draw(rows: &[&Row]) -> String {
    let height = 40.0 + ROW * rows.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"860\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\">Medians of one run: libpidfile in blue, the other in grey. Shorter is better.</text>\n"
    );
    for (number, row) in rows.iter().enumerate() {
        let Some(theirs) = row.theirs else { continue };
        let top = 40.0 + ROW * number as f64;
        let most = row.ours.median.max(theirs.median);
        let bars = [
            (row.ours.median, "#2a6fb0", "libpidfile"),
            (theirs.median, "#999999", row.against.as_str()),
        ];
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{}\">{}</text>",
            top + 22.0,
            escaped(&row.what)
        );
        for (which, (value, colour, name)) in bars.into_iter().enumerate() {
            let y = top + 4.0 + 18.0 * which as f64;
            let width = (WIDTH * value / most).max(1.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.0}\" height=\"15\" fill=\"{colour}\"/>\n\
                 <text x=\"{}\" y=\"{}\" font-size=\"11\">{} {}</text>",
                LEFT + width + 5.0,
                y + 12.0,
                row.unit.one(value),
                escaped(name)
            );
        }
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('`', "")
}
