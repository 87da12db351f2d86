//! What a search has found.

/// What is known of images of one kind, with or without a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Finding {
    /// There is none.
    #[default]
    None,
    /// There may be one.
    Maybe,
    /// There is this one.
    Image(String),
}

impl Finding {
    pub fn into_image(self) -> Option<String> {
        match self {
            Self::Image(image) => Some(image),
            Self::None | Self::Maybe => None,
        }
    }

    pub fn is_image(&self) -> bool {
        matches!(self, Self::Image(_))
    }
}
