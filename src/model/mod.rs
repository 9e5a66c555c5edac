//! Saved networks.
