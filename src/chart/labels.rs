//! Placement of the labels of a scatter plot without overlaps.

/// Estimated width of a character of a small text.
const CHARACTER: f64 = 6.0;
/// Height of a small text above its line, and below it.
const ABOVE: f64 = 9.0;
const BELOW: f64 = 3.0;
/// Radius of a dot, for what a label may not cover.
const DOT: f64 = 4.0;

/// A rectangle: left, top, right, bottom.
pub(super) type Rectangle = [f64; 4];

/// The end of a text's line: at its left or its right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Whether the text ends at `x` instead of beginning there.
    pub(super) ends: bool,
}

/// A place inside `area` for each of `labels` (the dot and its text) next to its dot; `None` where all four corners would cover
/// one of `dots` or an earlier label.
pub(super) fn places(
    labels: &[((f64, f64), &str)],
    dots: &[(f64, f64)],
    area: Rectangle,
) -> Vec<Option<Place>> {
    let mut taken: Vec<Rectangle> = Vec::new();
    let place = |((x, y), text): &((f64, f64), &str)| {
        let width = text.chars().count() as f64 * CHARACTER;
        let corners = [(7.0, -5.0), (-7.0, -5.0), (7.0, 13.0), (-7.0, 13.0)];
        let found = corners.into_iter().find_map(|(dx, dy)| {
            let place = Place { x: x + dx, y: y + dy, ends: dx < 0.0 };
            let left = if place.ends { place.x - width } else { place.x };
            let own = [left, place.y - ABOVE, left + width, place.y + BELOW];
            let inside = own[0] >= area[0] && own[1] >= area[1];
            let inside = inside && own[2] <= area[2] && own[3] <= area[3];
            let free = inside
                && !taken.iter().any(|other| overlap(&own, other))
                && !dots.iter().any(|(x, y)| overlap(&own, &[x - DOT, y - DOT, x + DOT, y + DOT]));
            free.then_some((place, own))
        });
        let (place, own) = found?;
        taken.push(own);
        Some(place)
    };
    labels.iter().map(place).collect()
}

fn overlap(a: &Rectangle, b: &Rectangle) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_round_their_dots_and_stay_away_where_nothing_is_free() {
        let area = [0.0, 0.0, 200.0, 100.0];
        let dots = [(50.0, 50.0), (70.0, 42.0), (190.0, 50.0)];
        let labels = [(dots[0], "first"), (dots[2], "right edge")];
        let found = places(&labels, &dots, area);
        // A dot is where the first label would begin, so it ends to the left of its dot.
        assert_eq!(found[0], Some(Place { x: 43.0, y: 45.0, ends: true }));
        assert!(found[1].unwrap().ends);
        let wide = "x".repeat(60);
        assert_eq!(places(&[(dots[0], &wide)], &dots, area), [None]);
        // Four labels surround a place, the fifth has none.
        let same = [(dots[2], "a"); 5];
        let found = places(&same, &dots[2..], [0.0, 0.0, 400.0, 100.0]);
        assert_eq!(found.iter().flatten().count(), 4);
    }
}
