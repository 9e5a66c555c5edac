//! A chart as a separate SVG file, with the colours that the report's page otherwise defines.

/// The styles that a page defines, in fixed colours on white, for viewers without a page around the picture.
const STYLE: &str = "text{font:12px sans-serif;fill:#1b1f24}\
.axes text{fill:#57606a}.axes text.name{fill:#1b1f24}.heading{font-size:15px;font-weight:600}\
.small{font-size:11px}.mid{text-anchor:middle}.end{text-anchor:end}\
.mesh{fill:none;stroke:#e7eaee}.axis{fill:none;stroke:#8a939c}\
.front{fill:none;stroke:#8a939c;stroke-width:1.4;stroke-dasharray:5 3}.faint{opacity:.5}\
.dot{stroke:#fff;stroke-width:.8}";

/// The colours of the styles `s0` to `s7`.
const COLOURS: [&str; super::STYLES] =
    ["#0067a8", "#c84e00", "#00805e", "#a8418a", "#4a4a4a", "#8a6300", "#2f9fd0", "#7a55c8"];

/// The `svg` element of a [`Drawing`](super::Drawing) as a file with its own size and colours.
pub fn standalone(svg: &str) -> String {
    let Some((opening, rest)) = svg.split_once(">\n") else { return svg.to_owned() };
    let view = opening.split("viewBox=\"0 0 ").nth(1).and_then(|view| view.split('"').next());
    let size = view.and_then(|view| view.split_once(' '));
    let size = size.map_or_else(String::new, |(width, height)| {
        format!(" width=\"{width}\" height=\"{height}\"")
    });
    let mut style = STYLE.to_owned();
    for (index, colour) in COLOURS.iter().enumerate() {
        style
            .push_str(&format!(".front.s{index}{{stroke:{colour}}}.dot.s{index}{{fill:{colour}}}"));
    }
    format!(
        "{opening}{size}>\n<style>{style}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{rest}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_size_and_colours_for_every_style() {
        let svg = "<svg viewBox=\"0 0 720 480\" role=\"img\">\n<title>a &gt; b</title>\n</svg>";
        let file = standalone(svg);
        assert!(file.starts_with(
            "<svg viewBox=\"0 0 720 480\" role=\"img\" width=\"720\" height=\"480\">\n<style>"
        ));
        assert!(file.ends_with("<title>a &gt; b</title>\n</svg>\n"), "{file}");
        assert!((0..super::super::STYLES).all(|index| file.contains(&format!(".dot.s{index}{{"))));
    }
}
