//! Files that several tasks ask for.

use super::*;

fn cached(uri: impl Into<String>) -> FetchItem {
    FetchItem { cache: true, ..item(uri) }
}

/// Fetches into a sandbox of its own and returns the one file's text.
async fn fetch_anew(bench: &Bench, wanted: FetchItem, owner: Option<Owner>) -> String {
    let sandbox = tempfile::tempdir().unwrap();
    bench.fetcher.fetch(&[wanted], sandbox.path(), owner).await.unwrap();
    let file = fs::read_dir(sandbox.path()).unwrap().next().unwrap().unwrap();
    fs::read_to_string(file.path()).unwrap()
}

fn files_in_cache(bench: &Bench) -> usize {
    fs::read_dir(bench.folder.path().join("cache")).unwrap().count()
}

#[tokio::test]
async fn many_tasks_at_once_ask_the_server_once() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let wanted = || fetch_anew(&bench, cached(web.url("/a")), None);
    let texts = futures_util::future::join_all((0..20).map(|_| wanted())).await;
    assert!(texts.iter().all(|text| text == web::FILE));
    assert_eq!(web.requests(), 1);
    assert_eq!(wanted().await, web::FILE);
    assert_eq!(web.requests(), 1);
}

#[tokio::test]
async fn nothing_is_kept_of_a_file_that_was_not_to_be_cached() {
    let (bench, web) = (Bench::new(), Web::start().await);
    for _ in 0..2 {
        fetch_anew(&bench, item(web.url("/a")), None).await;
    }
    assert_eq!((web.requests(), files_in_cache(&bench)), (2, 0));
}

#[tokio::test]
async fn another_user_does_not_get_what_the_first_one_fetched() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let owner = Some(Owner { uid: 1, gid: 1 });
    fetch_anew(&bench, cached(web.url("/a")), None).await;
    fetch_anew(&bench, cached(web.url("/a")), owner).await;
    assert_eq!(web.requests(), 2);
}

#[tokio::test]
async fn the_file_used_longest_ago_makes_room() {
    let room = 2 * web::FILE.len() as u64;
    let (bench, web) = (Bench::with(|config| config.cache_size = room), Web::start().await);
    for path in ["/a", "/b", "/a", "/c"] {
        fetch_anew(&bench, cached(web.url(path)), None).await;
    }
    assert_eq!((web.requests(), files_in_cache(&bench)), (3, 2), "`/b` went for `/c`");
    fetch_anew(&bench, cached(web.url("/a")), None).await;
    assert_eq!(web.requests(), 3, "`/a` is still there");
    fetch_anew(&bench, cached(web.url("/b")), None).await;
    assert_eq!(web.requests(), 4);
}

#[tokio::test]
async fn a_file_larger_than_the_cache_is_fetched_past_it() {
    let (bench, web) = (Bench::with(|config| config.cache_size = 3), Web::start().await);
    assert_eq!(fetch_anew(&bench, cached(web.url("/a")), None).await, web::FILE);
    assert_eq!(files_in_cache(&bench), 0);
}

#[tokio::test]
async fn an_archive_of_the_cache_is_unpacked_without_lying_in_the_sandbox() {
    let bench = Bench::new();
    let other = tempfile::tempdir().unwrap();
    let file = bench.file("a.tar", &archives::tar_with_link("link", other.path()));
    bench.fetch(&[cached(file.display().to_string())]).await.unwrap();
    assert_eq!(bench.listing(), ["link"]);
}

#[tokio::test]
async fn a_failed_fetch_is_not_remembered() {
    let (bench, web) = (Bench::new(), Web::start().await);
    for _ in 0..2 {
        assert!(bench.fetch(&[cached(web.url("/none"))]).await.is_err());
    }
    assert_eq!((web.requests(), files_in_cache(&bench)), (2, 0));
}

#[tokio::test]
async fn the_cache_starts_empty() {
    let folder = tempfile::tempdir().unwrap();
    let cache_dir = folder.path().join("cache");
    fs::create_dir(&cache_dir).unwrap();
    fs::write(cache_dir.join("half"), "x").unwrap();
    let bench = Bench::with(|config| config.cache_dir = cache_dir.clone());
    assert_eq!(fs::read_dir(&cache_dir).unwrap().count(), 0);
    drop(bench);
}

/// What the files of the cache have, those that are coming included.
fn bytes_in_cache(bench: &Bench) -> u64 {
    let files = fs::read_dir(bench.folder.path().join("cache")).unwrap().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

async fn get(bench: &Bench, url: impl Into<String>) -> Result<Option<PathBuf>, FetchError> {
    let source = Source::read(&url.into(), None)?;
    let (cache, client) = (&bench.fetcher.cache, &bench.fetcher.client);
    let got = cache.get(&source, None, bench.fetcher.config.limit, client).await?;
    Ok(got.map(|cached| cached.path().to_owned()))
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it never becomes so");
}

#[tokio::test]
async fn the_removal_of_an_old_file_never_meets_the_next_one_of_its_source() {
    let room = web::FILE.len() as u64;
    let (bench, web) = (Bench::with(|config| config.cache_size = room), Web::start().await);
    let first = get(&bench, web.url("/a")).await.unwrap().unwrap();
    get(&bench, web.url("/b")).await.unwrap().unwrap();
    let second = get(&bench, web.url("/a")).await.unwrap().unwrap();
    assert_ne!(first, second, "so whoever still removes the first one does no harm");
    assert!(!first.exists() && second.exists());
}

#[tokio::test]
async fn tasks_that_drive_one_anothers_files_out_all_get_theirs() {
    let room = web::FILE.len() as u64;
    let (bench, web) = (Bench::with(|config| config.cache_size = room), Web::start().await);
    for _ in 0..20 {
        let wanted = ["/a", "/b", "/c", "/a", "/b", "/c"];
        let all = wanted.map(|path| fetch_anew(&bench, cached(web.url(path)), None));
        let texts = futures_util::future::join_all(all).await;
        assert!(texts.iter().all(|text| text == web::FILE));
        assert!(bytes_in_cache(&bench) <= room);
    }
}

#[tokio::test]
async fn a_fetch_that_is_called_off_leaves_nothing_in_the_cache() {
    let (bench, web) = (Bench::new(), Web::start().await);
    tokio::select! {
        ended = get(&bench, web.url("/stalls")) => panic!("it has ended: {ended:?}"),
        () = until(|| bytes_in_cache(&bench) > 0) => {}
    }
    until(|| files_in_cache(&bench) == 0 && bench.fetcher.cache.used() == 0).await;
    assert_eq!(fetch_anew(&bench, cached(web.url("/a")), None).await, web::FILE);
    assert_eq!(bench.fetcher.cache.used(), web::FILE.len() as u64);
}

#[tokio::test]
async fn what_is_coming_has_its_room_before_it_is_there() {
    let (bench, web) = (Bench::with(|config| config.cache_size = 20_000), Web::start().await);
    let others = async {
        until(|| bench.fetcher.cache.used() == 1_000).await;
        // One that says that it is too large, and one that turns out to be.
        let large = bench.file("large", &[b'x'; 19_001]);
        assert_eq!(get(&bench, large.display().to_string()).await.unwrap(), None);
        let most = async {
            loop {
                assert!(bench.fetcher.cache.used() <= 20_000);
                assert!(bytes_in_cache(&bench) <= 19_003, "{}", bytes_in_cache(&bench));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            endless = get(&bench, web.url("/endless")) => assert_eq!(endless.unwrap(), None),
            () = most => {}
        }
        assert_eq!((files_in_cache(&bench), bench.fetcher.cache.used()), (1, 1_000));
        let fits = bench.file("fits", &[b'x'; 19_000]);
        assert!(get(&bench, fits.display().to_string()).await.unwrap().is_some());
    };
    tokio::select! {
        ended = get(&bench, web.url("/stalls")) => panic!("it has ended: {ended:?}"),
        () = others => {}
    }
}
