//! Words of the frame around every page, and of lists.

use super::words;

words! {
    /// Words of the frame around every page, and of lists.
    ShellWords {
        skip: "Skip to content", "跳到正文";
        console_switch: "Console", "控制台";
        cluster: "Cluster", "集群";
        apps: "Apps", "应用";
        main_navigation: "Main", "主导航";
        breadcrumb: "Breadcrumb", "路径导航";
        menu: "Menu", "菜单";
        keys: "Keyboard shortcuts", "键盘快捷键";
        key_find: "Find in the table", "在表格中查找";
        key_create: "Create Application", "创建应用";
        key_apps: "Applications", "应用";
        key_deployments: "Deployments", "部署";
        key_home: "Master", "主节点";
        key_agents: "Agents", "代理节点";
        key_frameworks: "Frameworks", "框架";
        key_close: "Close what is open, leave a field", "关闭已打开的内容，离开输入框";
        key_help: "This list", "显示此列表";
        frameworks: "Frameworks", "框架";
        agents: "Agents", "代理节点";
        roles: "Roles", "角色";
        offers: "Offers", "资源邀约";
        maintenance: "Maintenance", "维护";
        applications: "Applications", "应用";
        deployments: "Deployments", "部署";
        live: "Live", "实时";
        polling: "Polling", "轮询";
        reconnecting: "Reconnecting…", "重新连接中…";
        theme_system: "Theme: as the system", "主题：跟随系统";
        theme_light: "Theme: light", "主题：浅色";
        theme_dark: "Theme: dark", "主题：深色";
        other_language: "中文", "English";
        find: "Find...", "查找…";
        clear: "Clear", "清除";
        pages: "Pages", "分页";
        previous: "Previous", "上一页";
        next: "Next", "下一页";
        copy_id: "Copy ID", "复制 ID";
        copied: "Copied!", "已复制！";
        all: "All", "全部";
        download: "Download", "下载";
        view: "View", "查看";
        retry: "Retry now", "立即重试";
        not_found_title: "Page Not Found", "页面不存在";
        not_found_text: "The requested page does not exist.", "请求的页面不存在。";
        no_data_title: "No data right now", "暂时没有数据";
        late: "The data did not come in time. The page tries again.", "数据未能及时返回，页面会再次尝试。";
        offline: "Connection lost.", "连接已断开。";
        stale: "Showing the last known data.", "显示最近一次的数据。";
        no_script: "JavaScript is off: this page refreshes itself every 30 seconds.", "未启用 JavaScript：本页每 30 秒自动刷新。";
        no_bundle: "This server was built without the live pages; reload to see changes.", "此服务器未包含实时页面；请刷新以查看变化。";
        open_without_credentials: "Anyone who reaches this address can change this cluster: it listens beyond this machine and has no accounts.", "任何能访问此地址的人都可以更改本集群：它监听本机之外的地址，且没有账户。";
        disk_full: "The master's disk is full: changes are refused until there is room, reads go on. Nothing that was stored is lost.", "主节点磁盘已满：在腾出空间之前，更改会被拒绝，读取不受影响。已保存的数据不会丢失。";
        log_problem: "The master can store no changes: they are refused until it can, reads go on. Nothing that was stored is lost.", "主节点目前无法保存更改：更改会被拒绝，读取不受影响。已保存的数据不会丢失。";
        loading: "Loading…", "加载中…";
        sort_by: "Sort", "排序";
        none: "-", "-";
    }
}
