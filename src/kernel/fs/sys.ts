import type { Kernel } from "../kernel.ts";
import { nodesOf } from "./generated.ts";
import type { Inode } from "./inode.ts";

/** /sys: what runtimes and allocators look for there (sysfs(5)): processors, huge pages, the clock, where cgroups would be. */
export function sysFolder(kernel: Kernel): Inode {
  const { folder, line } = nodesOf(kernel);
  const cpu0 = folder({
    topology: folder({
      core_id: line(0),
      physical_package_id: line(0),
      core_siblings_list: line("0"),
      core_cpus_list: line("0"),
      thread_siblings_list: line("0"),
      thread_siblings: line(1),
    }),
  });
  const root = folder({
    devices: folder({
      system: folder({
        cpu: folder({
          ...{ online: line("0"), possible: line("0"), present: line("0"), offline: line("") },
          ...{ isolated: line(""), kernel_max: line(0), cpu0 },
        }),
        node: folder({
          ...{ online: line("0"), possible: line("0") },
          node0: folder({ cpulist: line("0"), cpumap: line("1"), distance: line(10) }),
        }),
        clocksource: folder({
          clocksource0: folder({ current_clocksource: line("sage"), available_clocksource: line("sage ") }),
        }),
      }),
    }),
    kernel: folder({
      mm: folder({
        transparent_hugepage: folder({
          enabled: line("always madvise [never]"),
          defrag: line("always defer defer+madvise madvise [never]"),
          hpage_pmd_size: line(2097152),
        }),
        hugepages: folder({}),
      }),
    }),
    fs: folder({ cgroup: folder({}) }),
    block: folder({}),
    class: folder({ net: folder({}) }),
  });
  return root();
}
