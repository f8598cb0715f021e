//! The journeys of people and programs, each on a cluster of its own.

mod agents;
mod browser_journey;
mod consoles;
mod curl_journey;
mod data_folders;
mod docker_ports;
mod docker_tasks;
mod foreign_clients;
mod full_disk;
mod golden_bodies;
mod guide_story;
mod health;
mod image_gc;
mod kill_points;
mod log_viewer;
mod master_killed;
mod other_machine;
mod placement;
mod registries;
mod resource_limits;
mod shell_checks;
mod shell_tasks;
mod slow_disk;
mod starts;
mod stopped;
mod up_again;
