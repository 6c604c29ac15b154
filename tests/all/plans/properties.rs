//! Properties that hold for any fleet, services and observation.
