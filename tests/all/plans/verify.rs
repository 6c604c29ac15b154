//! The independent check catches what a wrong plan does.
