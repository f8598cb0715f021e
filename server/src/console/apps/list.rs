//! The list of applications: filter, order and page.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use marathon_core::Snapshot;
use model::Instant;
use wire::console::{
    AppHealth, AppList, AppRow, AppStatus, AppTotals, AppsQuery, Page, StateCount,
};

use super::rows::{app_row, count};

/// The applications that `query` asks for.
pub(super) fn apps(snapshot: &Snapshot, now: Instant, query: &AppsQuery) -> AppList {
    let rows: Vec<AppRow> = snapshot.apps.values().map(|app| app_row(snapshot, now, app)).collect();
    let totals = totals(snapshot, &rows);
    let total = rows.len() as u64;
    let needle = query.list.q.trim().to_lowercase();
    let mut rows: Vec<AppRow> = rows.into_iter().filter(|row| mentions(row, &needle)).collect();
    let states = AppStatus::ALL.into_iter().map(|status| StateCount {
        state: status.name().to_owned(),
        count: rows.iter().filter(|row| row.status == status).count() as u64,
    });
    let states = states.collect();
    let health = AppHealth::ALL.into_iter().map(|health| StateCount {
        state: health.name().to_owned(),
        count: rows.iter().filter(|row| row.tally.has(health)).count() as u64,
    });
    let health = health.collect();
    rows.retain(|row| query.status.is_empty() || query.status.contains(&row.status));
    rows.retain(|row| {
        query.health.is_empty() || query.health.iter().any(|health| row.tally.has(*health))
    });
    let (column, is_descending) = query.order();
    rows.sort_by(|a, b| {
        let order = compare(a, b, column);
        let order = if is_descending { order.reverse() } else { order };
        order.then_with(|| a.id.cmp(&b.id))
    });
    let matching = rows.len() as u64;
    let (size, page) = (query.list.page_size(), query.list.page_number());
    let pages = count(rows.len()).div_ceil(size).max(1);
    let page = page.min(pages);
    let before = (page - 1) as usize * size as usize;
    let rows = rows.into_iter().skip(before).take(size as usize).collect();
    AppList {
        page: Page { rows, total, matching, page, size, states },
        health,
        totals,
        is_connected: snapshot.master.is_some(),
        disk_full: false,
        log_problem: None,
    }
}

/// Whether id, image, command or a label has `needle` in it.
fn mentions(row: &AppRow, needle: &str) -> bool {
    let texts = [Some(&row.id), row.image.as_ref(), row.cmd.as_ref()];
    needle.is_empty()
        || texts
            .into_iter()
            .flatten()
            .chain(&row.labels)
            .any(|text| text.to_lowercase().contains(needle))
}

fn compare(a: &AppRow, b: &AppRow, column: &str) -> Ordering {
    match column {
        "name" => a.id.cmp(&b.id),
        "cpu" => a.cpus.total_cmp(&b.cpus),
        "memory" => a.mem.total_cmp(&b.mem),
        "status" => a.status.cmp(&b.status),
        "instances" => a.tally.running.cmp(&b.tally.running),
        "health" => weight(a).cmp(&weight(b)),
        _ => Ordering::Equal,
    }
}

/// What is worst weighs most.
fn weight(row: &AppRow) -> u32 {
    let tally = row.tally;
    let parts = [
        (tally.unhealthy, 32),
        (tally.over(), 16),
        (tally.staged, 8),
        (tally.healthy, 4),
        (tally.unknown(), 2),
        (tally.unscheduled(), 1),
    ];
    parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, weight)| weight).sum()
}

fn totals(snapshot: &Snapshot, rows: &[AppRow]) -> AppTotals {
    let groups: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| row.id.rsplit_once('/'))
        .map(|(group, _)| group)
        .filter(|group| !group.is_empty())
        .collect();
    AppTotals {
        apps: rows.len() as u64,
        groups: groups.len() as u64,
        cpus: rows.iter().map(|row| row.cpus).sum(),
        mem: rows.iter().map(|row| row.mem).sum(),
        running: rows.iter().map(|row| u64::from(row.tally.running)).sum(),
        wanted: rows.iter().map(|row| u64::from(row.tally.wanted)).sum(),
        deployments: snapshot.deployments.len() as u64,
    }
}
