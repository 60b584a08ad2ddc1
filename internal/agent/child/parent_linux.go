package child

import "syscall"

// endWithParent makes the system ask a child to end when its parent dies, even
// by kill -9. Elsewhere an agent without a terminal sees its input end.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
