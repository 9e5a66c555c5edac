//! The points of a sweep.

use super::SweepError;
use toml::{Table, Value};

/// The largest number of points accepted.
const MOST_POINTS: usize = 10_000_000;

/// One design: a value for each of some axes, in the order of the axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point(pub Vec<(String, Value)>);

impl Point {
    /// The value on `axis`.
    pub fn get(&self, axis: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == axis).map(|(_, value)| value)
    }

    /// Takes the value on `axis` away.
    pub fn remove(&mut self, axis: &str) {
        self.0.retain(|(name, _)| name != axis);
    }

    /// The text of the value on `axis`; empty if it has none.
    pub fn cell(&self, axis: &str) -> String {
        match self.get(axis) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(as the base is)");
        }
        for (index, (axis, _)) in self.0.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{axis}={}", self.cell(axis))?;
        }
        Ok(())
    }
}

/// All combinations of values on some axes, then single points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grid {
    axes: Vec<(String, Vec<Value>)>,
    points: Vec<Point>,
}

/// The value of a flag's text: a truth value, integer or number if it reads as one, else the text.
pub fn value_of(text: &str) -> Value {
    let text = text.trim();
    if let Ok(truth) = text.parse() {
        return Value::Boolean(truth);
    }
    if let Ok(integer) = text.parse() {
        return Value::Integer(integer);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Float(number),
        _ => Value::String(text.to_owned()),
    }
}

impl Grid {
    /// Adds the table `grid` (axis = value or list of values) and the list `points` (axis = value) of a TOML description.
    ///
    /// # Errors
    /// If an axis has no value, a value twice, or a table.
    pub fn from_toml(grid: &Table, points: &[Table]) -> Result<Self, SweepError> {
        let mut all = Self::default();
        for (axis, values) in grid {
            match values {
                Value::Array(values) => all.axis(axis, values.clone())?,
                value => all.axis(axis, vec![value.clone()])?,
            }
        }
        for point in points {
            let mut of_point = Point::default();
            for (axis, value) in point {
                scalar(axis, value)?;
                of_point.0.push((axis.clone(), value.clone()));
            }
            all.points.push(of_point);
        }
        Ok(all)
    }

    /// Adds an axis, or replaces the values of one.
    ///
    /// # Errors
    /// If it has no value, a value twice, or one that is not a number, truth value or text.
    pub fn axis(&mut self, name: &str, values: Vec<Value>) -> Result<(), SweepError> {
        if values.is_empty() {
            return Err(SweepError::Axis(format!("axis `{name}` has no value: give at least one")));
        }
        for (index, value) in values.iter().enumerate() {
            scalar(name, value)?;
            if values[..index].contains(value) {
                return Err(SweepError::Axis(format!(
                    "axis `{name}` has {value} twice: give it once"
                )));
            }
        }
        match self.axes.iter_mut().find(|(axis, _)| axis == name) {
            Some((_, old)) => *old = values,
            None => self.axes.push((name.to_owned(), values)),
        }
        Ok(())
    }

    /// All values on the axis `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        let axis = self.axes.iter().filter(move |(axis, _)| axis == name);
        let points = self.points.iter().filter_map(move |point| point.get(name));
        axis.flat_map(|(_, values)| values).chain(points)
    }

    /// Names of all axes: those of the grid, then others of single points.
    pub fn axes(&self) -> Vec<String> {
        let mut names: Vec<String> = self.axes.iter().map(|(name, _)| name.clone()).collect();
        for (name, _) in self.points.iter().flat_map(|point| &point.0) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// All points: combinations with the last axis changing fastest, then the single points. Without any axis, one point.
    ///
    /// # Errors
    /// If there are more than 10 million.
    pub fn points(&self) -> Result<Vec<Point>, SweepError> {
        let mut points = vec![Point::default()];
        if self.axes.is_empty() && !self.points.is_empty() {
            points.clear();
        }
        for (name, values) in &self.axes {
            if points.len().saturating_mul(values.len()) > MOST_POINTS {
                let text = format!("the grid has more than {MOST_POINTS} points: use fewer values");
                return Err(SweepError::Axis(text));
            }
            points = points
                .iter()
                .flat_map(|point| {
                    values.iter().map(|value| {
                        let mut point = point.clone();
                        point.0.push((name.clone(), value.clone()));
                        point
                    })
                })
                .collect();
        }
        points.extend(self.points.iter().cloned());
        Ok(points)
    }
}

fn scalar(axis: &str, value: &Value) -> Result<(), SweepError> {
    match value {
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::String(_) => Ok(()),
        other => Err(SweepError::Axis(format!(
            "axis `{axis}` has a value of type {}: use numbers, truth values or texts",
            other.type_str()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_come_in_order_and_points_after_them() {
        let text = "[grid]\nrows = [8, 16]\ndataflow = \"output-stationary\"\n[[point]]\nrows = 3\nnode = 7\n";
        let table: Table = text.parse().unwrap();
        let Value::Array(points) = &table["point"] else { unreachable!() };
        let points: Vec<Table> = points.iter().map(|p| p.as_table().unwrap().clone()).collect();
        let mut grid = Grid::from_toml(table["grid"].as_table().unwrap(), &points).unwrap();
        grid.axis("wl", vec![value_of("4"), value_of("8")]).unwrap();
        let names: Vec<String> = grid.points().unwrap().iter().map(Point::to_string).collect();
        assert_eq!(
            names,
            [
                "dataflow=output-stationary rows=8 wl=4",
                "dataflow=output-stationary rows=8 wl=8",
                "dataflow=output-stationary rows=16 wl=4",
                "dataflow=output-stationary rows=16 wl=8",
                "node=7 rows=3",
            ]
        );
        assert_eq!(grid.axes(), ["dataflow", "rows", "wl", "node"]);
        assert_eq!(Grid::default().points().unwrap().len(), 1);
    }

    #[test]
    fn senseless_axes_are_refused() {
        let mut grid = Grid::default();
        assert!(grid.axis("rows", vec![]).unwrap_err().to_string().contains("no value"));
        let twice = grid.axis("rows", vec![Value::Integer(1), Value::Integer(1)]);
        assert!(twice.unwrap_err().to_string().contains("1 twice"));
        let nested = grid.axis("rows", vec![Value::Array(vec![])]);
        assert!(nested.unwrap_err().to_string().contains("type array"));
        let many: Vec<Value> = (0..4000).map(Value::Integer).collect();
        grid.axis("a", many.clone()).unwrap();
        grid.axis("b", many).unwrap();
        assert!(grid.points().unwrap_err().to_string().contains("more than"));
    }

    #[test]
    fn texts_are_values() {
        assert_eq!(value_of("8"), Value::Integer(8));
        assert_eq!(value_of("0.5"), Value::Float(0.5));
        assert_eq!(value_of("true"), Value::Boolean(true));
        assert_eq!(value_of("exact"), Value::String("exact".into()));
        assert_eq!(value_of("nan"), Value::String("nan".into()));
    }
}
