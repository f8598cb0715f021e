(function () {
  function follow() {
    var hash = location.hash;
    if (hash.indexOf("#/") !== 0) return;
    var path = hash.slice(1), query = "", at = path.indexOf("?");
    if (at >= 0) { query = path.slice(at); path = path.slice(0, at); }
    path = path.replace(/^\/slaves/, "/agents");
    var cluster = /^\/(frameworks|agents|roles|offers|maintenance)(\/|$)/.test(path);
    var app = /^\/(?:apps|group)\/([^/]+)(\/.*)?$/.exec(path);
    var target = "/";
    if (cluster) target = "/ui" + path;
    else if (app) {
      var id = decodeURIComponent(app[1]), rest = app[2] || "";
      if (/^\/(configuration|debug|volumes)$/.test(rest)) rest = "/-" + rest;
      else if (rest && path.indexOf("/apps") === 0) rest = "/-/tasks" + rest;
      target = "/ui/" + path.split("/")[1] + (id.charAt(0) === "/" ? id : "/" + id) + rest;
    } else if (/^\/(apps|deployments)$/.test(path)) target = "/ui" + path;
    location.replace(target + query);
  }
  follow();
  addEventListener("hashchange", follow);
})();
