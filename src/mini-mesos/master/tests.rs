mod agents;
mod frameworks;
mod launches;
mod offers;
mod simulation;
mod world;
