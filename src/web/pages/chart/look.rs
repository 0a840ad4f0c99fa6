//! What series look like: a colour, and for measurements a shape.

use std::fmt::Write as _;

/// A colour of the style, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    S1,
    S2,
    S3,
    S4,
    S5,
    Ok,
    Warn,
    Bad,
    Off,
    Accent,
    Accent2,
    Accent3,
    Ink,
}

impl Look {
    /// The class of an area.
    pub(crate) fn fill(self) -> &'static str {
        match self {
            Self::S1 => "f-s1",
            Self::S2 => "f-s2",
            Self::S3 => "f-s3",
            Self::S4 => "f-s4",
            Self::S5 | Self::Ink => "f-s5",
            Self::Ok => "f-ok",
            Self::Warn => "f-warn",
            Self::Bad => "f-bad",
            Self::Off => "f-off",
            Self::Accent => "f-acc",
            Self::Accent2 => "f-acc2",
            Self::Accent3 => "f-acc3",
        }
    }

    /// The class of a line.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Self::S1 | Self::Accent | Self::Accent2 | Self::Accent3 => "l-s1",
            Self::S2 => "l-s2",
            Self::S3 => "l-s3",
            Self::S4 => "l-s4",
            Self::S5 | Self::Ink => "l-s5",
            Self::Ok => "l-ok",
            Self::Warn => "l-warn",
            Self::Bad => "l-bad",
            Self::Off => "l-dim",
        }
    }

    /// The class of a text.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::S1 | Self::Accent | Self::Accent2 | Self::Accent3 => "t-s1",
            Self::S2 => "t-s2",
            Self::S3 => "t-s3",
            Self::S4 => "t-s4",
            Self::S5 => "t-s5",
            Self::Ok => "t-ok",
            Self::Warn => "t-warn",
            Self::Bad => "t-bad",
            Self::Off | Self::Ink => "t-ink",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Ring,
}

/// Colour and shape of a source's measurements. A source has the same on all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    look: Look,
    shape: Shape,
}

impl Mark {
    /// That of the host application.
    pub(crate) const HOST: Self = Self { look: Look::S5, shape: Shape::Ring };

    /// That of a partner, by its place in an order that does not change. Sixteen differ; the
    /// shape alone tells the first four apart.
    pub(crate) fn nth(place: usize) -> Self {
        const LOOKS: [Look; 4] = [Look::S1, Look::S2, Look::S3, Look::S4];
        const SHAPES: [Shape; 4] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond];
        Self { look: LOOKS[place % 4], shape: SHAPES[(place + place / 4) % 4] }
    }

    /// Its colour.
    pub(crate) fn look(self) -> Look {
        self.look
    }

    /// Draws it into a chart. Where x is a percentage, shapes with corners need an SVG of their own.
    pub(super) fn dot(self, html: &mut String, x: &str, y: f64) {
        let class = self.look.fill();
        let drawn = match self.shape {
            Shape::Circle => {
                write!(html, "<circle class=\"dot {class}\" cx=\"{x}\" cy=\"{y:.1}\" r=\"3.5\"/>")
            }
            Shape::Ring => {
                write!(html, "<circle class=\"ring\" cx=\"{x}\" cy=\"{y:.1}\" r=\"4\"/>")
            }
            Shape::Square => write!(
                html,
                "<svg x=\"{x}\" y=\"{y:.1}\" overflow=\"visible\"><rect class=\"dot {class}\" \
                 x=\"-3.5\" y=\"-3.5\" width=\"7\" height=\"7\"/></svg>"
            ),
            Shape::Triangle => write!(
                html,
                "<svg x=\"{x}\" y=\"{y:.1}\" overflow=\"visible\"><path class=\"dot {class}\" \
                 d=\"M0 -4.4L4.4 3.4H-4.4Z\"/></svg>"
            ),
            Shape::Diamond => write!(
                html,
                "<svg x=\"{x}\" y=\"{y:.1}\" overflow=\"visible\"><path class=\"dot {class}\" \
                 d=\"M0 -4.8L4.8 0L0 4.8L-4.8 0Z\"/></svg>"
            ),
        };
        drawn.unwrap_or_default();
    }

    /// The picture for a key.
    pub(crate) fn icon(self) -> String {
        let class = self.look.fill();
        let shape = match self.shape {
            Shape::Circle => format!("<circle class=\"{class}\" cx=\"6\" cy=\"6\" r=\"4.5\"/>"),
            Shape::Ring => "<circle class=\"ring\" cx=\"6\" cy=\"6\" r=\"4.5\"/>".to_owned(),
            Shape::Square => format!(
                "<rect class=\"{class}\" x=\"1.8\" y=\"1.8\" width=\"8.4\" height=\"8.4\"/>"
            ),
            Shape::Triangle => format!("<path class=\"{class}\" d=\"M6 .8L11.4 10.6H.6Z\"/>"),
            Shape::Diamond => {
                format!("<path class=\"{class}\" d=\"M6 .4L11.6 6L6 11.6L.4 6Z\"/>")
            }
        };
        format!("<svg viewBox=\"0 0 12 12\" aria-hidden=\"true\">{shape}</svg>")
    }
}
