//! Topology files: one layer a line, as a convolution or as a matrix product.

use super::error::TopologyError;
use super::geometry::LayerShape;
use std::fmt;

/// Names of the number columns of a convolution.
const CONVOLUTION: [&str; 7] = [
    "IFMAP Height",
    "IFMAP Width",
    "Filter Height",
    "Filter Width",
    "Channels",
    "Num Filter",
    "Strides",
];

/// Names of the number columns of a matrix product.
const GEMM: [&str; 3] = ["M", "N", "K"];

/// Most channels of a `DP` line.
const MOST_DP_CHANNELS: u32 = 1 << 20;

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name in the file; layers of a `DP` line end in `Channel_` and their number.
    pub name: String,
    /// Its size.
    pub shape: LayerShape,
}

/// The layers of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Layers in the order of the file.
    pub layers: Vec<Layer>,
}

/// A line that was read otherwise than SCALE-Sim 3.0.0 reads it, or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyWarning {
    /// Name of the file.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What was found.
    pub kind: TopologyWarningKind,
}

/// Kinds of [`TopologyWarning`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopologyWarningKind {
    /// The first line, always taken as the header, looks like a layer.
    HeaderLooksLikeLayer,
    /// The line does not end in a comma: SCALE-Sim drops the last column of such a line.
    NoTrailingComma,
    /// A sparsity ratio other than 1:1 is ignored.
    SparsityRatio(String),
}

impl fmt::Display for TopologyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topology {}, line {}: ", self.file, self.line)?;
        match &self.kind {
            TopologyWarningKind::HeaderLooksLikeLayer => f.write_str(
                "taken as the header, as SCALE-Sim does, though it looks like a layer; put a header before it",
            ),
            TopologyWarningKind::NoTrailingComma => f.write_str(
                "no comma at the end; SCALE-Sim 3.0.0 drops the last column of such a line, here it is read",
            ),
            TopologyWarningKind::SparsityRatio(ratio) => {
                write!(f, "sparsity ratio {ratio} ignored: the layer is simulated dense")
            }
        }
    }
}

/// A line cut into columns.
struct Line<'a> {
    file: &'a str,
    line: usize,
    fields: Vec<&'a str>,
    trailing_comma: bool,
}

impl<'a> Line<'a> {
    fn new(file: &'a str, line: usize, text: &'a str) -> Self {
        let mut fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let trailing_comma = fields.last().is_some_and(|field| field.is_empty());
        while fields.last().is_some_and(|field| field.is_empty()) {
            fields.pop();
        }
        Self { file, line, fields, trailing_comma }
    }

    /// Whether all columns but the name are numbers.
    fn is_layer(&self) -> bool {
        self.fields.len() > 3 && self.fields[1..4].iter().all(|field| field.parse::<u32>().is_ok())
    }

    fn numbers<const N: usize>(&self, names: [&'static str; N]) -> Result<[u32; N], TopologyError> {
        let mut values = [0; N];
        for (index, (value, name)) in values.iter_mut().zip(names).enumerate() {
            let found = self.fields[index + 1];
            *value = found.parse().ok().filter(|value| i32::try_from(*value).is_ok()).ok_or_else(
                || TopologyError::Number {
                    file: self.file.to_owned(),
                    line: self.line,
                    column: index + 2,
                    name,
                    found: found.to_owned(),
                },
            )?;
        }
        Ok(values)
    }

    /// The sparsity ratio in column `column`, counted from 0, if there is one other than 1:1.
    fn ratio(&self, column: usize) -> Result<Option<String>, TopologyError> {
        let Some(&found) = self.fields.get(column) else { return Ok(None) };
        let parts = found.split_once(':').map(|(n, m)| (n.trim().parse(), m.trim().parse()));
        match parts {
            Some((Ok(n), Ok(m))) if 0 < n && n <= m => Ok((n != m).then(|| found.to_owned())),
            Some((Ok::<u32, _>(_), Ok::<u32, _>(_)) | (Err(_), _) | (_, Err(_))) | None => {
                Err(TopologyError::Ratio {
                    file: self.file.to_owned(),
                    line: self.line,
                    column: column + 1,
                    found: found.to_owned(),
                })
            }
        }
    }

    /// Appends the layers of this line; gives the ignored sparsity ratio.
    fn layers(&self, layers: &mut Vec<Layer>) -> Result<Option<String>, TopologyError> {
        let shape_error =
            |source| TopologyError::Shape { file: self.file.to_owned(), line: self.line, source };
        // The ratio has a colon, so a line without one ends in its last number.
        let numbers = self.fields.iter().skip(1).filter(|field| !field.contains(':')).count();
        let name = self.fields[0];
        match numbers {
            3 => {
                let [m, n, k] = self.numbers(GEMM)?;
                let shape = LayerShape::gemm(m, n, k).map_err(shape_error)?;
                layers.push(Layer { name: name.to_owned(), shape });
                self.ratio(4)
            }
            7 | 8 => {
                let [height, width, filter_height, filter_width, channels, filters, stride] =
                    self.numbers(CONVOLUTION)?;
                let ratio = self.ratio(8)?;
                let (input, filter) = ([height, width], [filter_height, filter_width]);
                let shape = LayerShape::convolution(input, filter, channels, filters, stride)
                    .map_err(shape_error)?;
                if !name.contains("DP") {
                    layers.push(Layer { name: name.to_owned(), shape });
                } else if channels > MOST_DP_CHANNELS {
                    return Err(TopologyError::TooManyLayers {
                        file: self.file.to_owned(),
                        line: self.line,
                        channels,
                        most: MOST_DP_CHANNELS,
                    });
                } else {
                    let shape = shape.single_channel();
                    layers.extend(
                        (0..channels).map(|channel| Layer {
                            name: format!("{name}Channel_{channel}"),
                            shape,
                        }),
                    );
                }
                Ok(ratio)
            }
            _ => Err(TopologyError::Columns {
                file: self.file.to_owned(),
                line: self.line,
                found: self.fields.len(),
            }),
        }
    }
}

impl Topology {
    /// Reads a topology file; `file` is its name for messages.
    ///
    /// The first line is the header and is not parsed. A line of 8 columns is a convolution (name, IFMAP height
    /// and width, filter height and width, channels, filters, stride), one of 4 a matrix product (name, M, N, K);
    /// a sparsity ratio `N:M` may follow and is ignored. A convolution whose name contains `DP` becomes one layer
    /// of a single channel for each channel.
    ///
    /// # Errors
    /// If a line has other columns, a value is no integer of 1 to 2^31 - 1, a filter is larger than its input, or
    /// there is no layer.
    pub fn parse(file: &str, text: &str) -> Result<(Self, Vec<TopologyWarning>), TopologyError> {
        let mut layers = Vec::new();
        let mut warnings = Vec::new();
        for (index, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = Line::new(file, index + 1, text.trim());
            let mut warn = |kind| {
                warnings.push(TopologyWarning { file: file.to_owned(), line: index + 1, kind });
            };
            if index == 0 {
                if line.is_layer() {
                    warn(TopologyWarningKind::HeaderLooksLikeLayer);
                }
                continue;
            }
            if line.fields.is_empty() {
                continue;
            }
            if let Some(ratio) = line.layers(&mut layers)? {
                warn(TopologyWarningKind::SparsityRatio(ratio));
            }
            if !line.trailing_comma {
                warn(TopologyWarningKind::NoTrailingComma);
            }
        }
        if layers.is_empty() {
            return Err(TopologyError::Empty { file: file.to_owned() });
        }
        Ok((Self { layers }, warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> String {
        Topology::parse("t.csv", &format!("header\n{line}\n")).unwrap_err().to_string()
    }

    #[test]
    fn convolutions_with_names_of_several_words() {
        let text =
            "Layer name, ...\n\nConv 1 a, 14, 12, 5,3, 6, 16, 2,\nGEMM, 5, 3, 7,\r\n  \n,,,\n";
        let (topology, warnings) = Topology::parse("t", text).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(topology.layers[0].name, "Conv 1 a");
        assert_eq!(
            topology.layers[0].shape,
            LayerShape::convolution([14, 12], [5, 3], 6, 16, 2).unwrap()
        );
        assert_eq!(topology.layers[1].shape, LayerShape::gemm(5, 3, 7).unwrap());
        assert_eq!(topology.layers.len(), 2);
    }

    #[test]
    fn depthwise_lines_become_a_layer_a_channel() {
        let (topology, _) = Topology::parse("t", "h\nDP 1, 8, 8, 3, 3, 3, 2, 1,\n").unwrap();
        let names: Vec<_> = topology.layers.iter().map(|layer| &*layer.name).collect();
        assert_eq!(names, ["DP 1Channel_0", "DP 1Channel_1", "DP 1Channel_2"]);
        let shape = LayerShape::convolution([8, 8], [3, 3], 1, 2, 1).unwrap();
        assert!(topology.layers.iter().all(|layer| layer.shape == shape));
    }

    #[test]
    fn what_is_read_otherwise_is_said() {
        let text = "L0, 4, 4, 4,\nL1, 4, 4, 4\nL2, 4, 4, 4, 2:4,\nL3, 4, 4, 4, 1:1,\n";
        let (topology, warnings) = Topology::parse("t", text).unwrap();
        assert_eq!(topology.layers.len(), 3);
        let kinds: Vec<_> = warnings.iter().map(|w| (w.line, w.kind.clone())).collect();
        assert_eq!(
            kinds,
            [
                (1, TopologyWarningKind::HeaderLooksLikeLayer),
                (2, TopologyWarningKind::NoTrailingComma),
                (3, TopologyWarningKind::SparsityRatio("2:4".to_owned())),
            ]
        );
        assert!(warnings[1].to_string().contains("line 2: no comma"));
    }

    #[test]
    fn mistakes_name_line_and_column() {
        assert!(message("L, 1, 2,").contains("line 2: 3 columns"));
        assert!(message("L, 1, x, 2,").contains("line 2, column 3 (N): `x`"));
        assert!(message("L, 1, -2, 2,").contains("column 3 (N): `-2`"));
        assert!(message("L, 3000000000, 2, 2,").contains("column 2 (M)"));
        assert!(message("L, 0, 2, 2,").contains("line 2: M is 0"));
        assert!(message("L, 4, 4, 5, 1, 1, 1, 1,").contains("Filter Height is 5"));
        assert!(
            message("L, 4, 4, 1, 1, 1, 1, 1, 2,").contains("column 9: `2` is no sparsity ratio")
        );
        assert!(message("L, 4, 4, 4, 5:4,").contains("column 5: `5:4`"));
        assert!(message("DP, 4, 4, 1, 1, 2000000, 1, 1,").contains("2000000 channels"));
        assert!(message("").contains("no layer"));
    }
}
