mod agents;
mod frameworks;
mod launches;
mod offers;
mod quota;
mod simulation;
mod world;
