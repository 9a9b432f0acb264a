-- SPDX-License-Identifier: MIT
-- What makes the rows of a record complete; address spaces that several processes use; calls that failed and acted.

-- Real user id when last seen: at its latest exec, its fatal signal, its end; NULL in rows of recorders before version 9.
ALTER TABLE process ADD COLUMN last_uid INTEGER;

DROP VIEW v_process;
CREATE VIEW v_process AS
-- Processes with dates and the exit status in words ("exit 5", "signal 11"); NULL while alive.
SELECT process.id AS id, -- process.id
	process.recording_id AS recording_id, -- recording.id
	process.pid AS pid, -- in the initial pid namespace
	process.namespace_pid AS namespace_pid, -- in its own pid namespace; a core names this one
	process.parent_pid AS parent_pid, -- pid of the parent; 0 when not known
	process.uid AS uid, -- real user id when first seen
	process.comm AS comm, -- command name
	(SELECT file.path FROM space JOIN file ON file.id = space.executable_file_id
		WHERE space.process_id = process.id ORDER BY space.id DESC LIMIT 1) AS executable,
		-- path of the program that it ran last; NULL when not known
	datetime((process.start_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch') AS started,
		-- UTC; start of its first thread
	CASE WHEN process.exit_ns > 0
		THEN datetime((process.exit_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch') END AS ended,
		-- UTC; NULL while alive, or when its end was not seen
	CASE WHEN process.exit_ns = 0 THEN NULL
		WHEN process.exit_status & 0x7f = 0 THEN printf('exit %d', (process.exit_status >> 8) & 0xff)
		ELSE printf('signal %d', process.exit_status & 0x7f) END AS status,
		-- in words: "exit 5", "signal 11"; NULL while alive
	CASE WHEN process.exit_ns > 0 THEN process.exit_status & 0x80 <> 0 END AS dumped_core,
		-- 1 when the kernel says that it left a core; NULL while alive
	coalesce(process.last_uid, process.uid) AS last_uid
		-- real user id when last seen: at its latest exec, its fatal signal, its end
FROM process
LEFT JOIN recording ON recording.id = process.recording_id;

CREATE TABLE space_sharer (
	-- A process that uses the address space of another one (CLONE_VM, vfork), until it begins a new program, which makes it
	-- a row in space, or ends. What was lost of it was lost of the space. Permanent.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL,   -- space.id
	process_id INTEGER NOT NULL, -- process.id of the one that shares it
	from_ns INTEGER NOT NULL     -- ns; since when
) STRICT;

CREATE INDEX space_sharer_space ON space_sharer (space_id);

CREATE TABLE syscall (
	-- System calls that failed, and those that duplicate or close descriptors (close, close_range, dup, dup2, dup3, fcntl with
	-- F_DUPFD), in the order in which they returned; memory calls are in event, prctl in marker. Only where
	-- corelate record --calls asked for them. Permanent.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL,    -- space.id
	tid INTEGER NOT NULL,         -- thread id in the initial pid namespace
	number INTEGER NOT NULL,      -- syscall_name.number
	enter_ns INTEGER NOT NULL,    -- ns; entry of the call
	duration_ns INTEGER NOT NULL, -- ns; from entry to exit
	result INTEGER NOT NULL,      -- what the call returned; -errno when it failed
	a0 INTEGER NOT NULL,          -- first argument
	a1 INTEGER NOT NULL,          -- second argument
	a2 INTEGER NOT NULL,          -- third argument
	ip INTEGER NOT NULL,          -- address; just after the system call instruction
	sp INTEGER NOT NULL,          -- address; the stack pointer there
	top_word INTEGER NOT NULL     -- the word at [sp], the caller where ip is in a leaf wrapper; 0 when not read
) STRICT;

-- Who closed a descriptor before is looked up for a space.
CREATE INDEX syscall_space ON syscall (space_id, number, a0);

CREATE TABLE syscall_name (
	-- What the kernel calls its system calls on x86-64. Fixed.
	number INTEGER PRIMARY KEY, -- as syscall.number holds it
	name TEXT NOT NULL          -- without "sys_"
) STRICT;

INSERT INTO syscall_name VALUES
(0,'read'),(1,'write'),(2,'open'),(3,'close'),(4,'stat'),(5,'fstat'),(6,'lstat'),(7,'poll'),(8,'lseek'),
(9,'mmap'),(10,'mprotect'),(11,'munmap'),(12,'brk'),(13,'rt_sigaction'),(14,'rt_sigprocmask'),
(15,'rt_sigreturn'),(16,'ioctl'),(17,'pread64'),(18,'pwrite64'),(19,'readv'),(20,'writev'),(21,'access'),
(22,'pipe'),(23,'select'),(24,'sched_yield'),(25,'mremap'),(26,'msync'),(27,'mincore'),(28,'madvise'),
(29,'shmget'),(30,'shmat'),(31,'shmctl'),(32,'dup'),(33,'dup2'),(34,'pause'),(35,'nanosleep'),(36,'getitimer'),
(37,'alarm'),(38,'setitimer'),(39,'getpid'),(40,'sendfile'),(41,'socket'),(42,'connect'),(43,'accept'),
(44,'sendto'),(45,'recvfrom'),(46,'sendmsg'),(47,'recvmsg'),(48,'shutdown'),(49,'bind'),(50,'listen'),
(51,'getsockname'),(52,'getpeername'),(53,'socketpair'),(54,'setsockopt'),(55,'getsockopt'),(56,'clone'),
(57,'fork'),(58,'vfork'),(59,'execve'),(60,'exit'),(61,'wait4'),(62,'kill'),(63,'uname'),(64,'semget'),
(65,'semop'),(66,'semctl'),(67,'shmdt'),(68,'msgget'),(69,'msgsnd'),(70,'msgrcv'),(71,'msgctl'),(72,'fcntl'),
(73,'flock'),(74,'fsync'),(75,'fdatasync'),(76,'truncate'),(77,'ftruncate'),(78,'getdents'),(79,'getcwd'),
(80,'chdir'),(81,'fchdir'),(82,'rename'),(83,'mkdir'),(84,'rmdir'),(85,'creat'),(86,'link'),(87,'unlink'),
(88,'symlink'),(89,'readlink'),(90,'chmod'),(91,'fchmod'),(92,'chown'),(93,'fchown'),(94,'lchown'),(95,'umask'),
(96,'gettimeofday'),(97,'getrlimit'),(98,'getrusage'),(99,'sysinfo'),(100,'times'),(101,'ptrace'),
(102,'getuid'),(103,'syslog'),(104,'getgid'),(105,'setuid'),(106,'setgid'),(107,'geteuid'),(108,'getegid'),
(109,'setpgid'),(110,'getppid'),(111,'getpgrp'),(112,'setsid'),(113,'setreuid'),(114,'setregid'),
(115,'getgroups'),(116,'setgroups'),(117,'setresuid'),(118,'getresuid'),(119,'setresgid'),(120,'getresgid'),
(121,'getpgid'),(122,'setfsuid'),(123,'setfsgid'),(124,'getsid'),(125,'capget'),(126,'capset'),
(127,'rt_sigpending'),(128,'rt_sigtimedwait'),(129,'rt_sigqueueinfo'),(130,'rt_sigsuspend'),(131,'sigaltstack'),
(132,'utime'),(133,'mknod'),(134,'uselib'),(135,'personality'),(136,'ustat'),(137,'statfs'),(138,'fstatfs'),
(139,'sysfs'),(140,'getpriority'),(141,'setpriority'),(142,'sched_setparam'),(143,'sched_getparam'),
(144,'sched_setscheduler'),(145,'sched_getscheduler'),(146,'sched_get_priority_max'),
(147,'sched_get_priority_min'),(148,'sched_rr_get_interval'),(149,'mlock'),(150,'munlock'),(151,'mlockall'),
(152,'munlockall'),(153,'vhangup'),(154,'modify_ldt'),(155,'pivot_root'),(156,'_sysctl'),(157,'prctl'),
(158,'arch_prctl'),(159,'adjtimex'),(160,'setrlimit'),(161,'chroot'),(162,'sync'),(163,'acct'),
(164,'settimeofday'),(165,'mount'),(166,'umount2'),(167,'swapon'),(168,'swapoff'),(169,'reboot'),
(170,'sethostname'),(171,'setdomainname'),(172,'iopl'),(173,'ioperm'),(174,'create_module'),(175,'init_module'),
(176,'delete_module'),(177,'get_kernel_syms'),(178,'query_module'),(179,'quotactl'),(180,'nfsservctl'),
(181,'getpmsg'),(182,'putpmsg'),(183,'afs_syscall'),(184,'tuxcall'),(185,'security'),(186,'gettid'),
(187,'readahead'),(188,'setxattr'),(189,'lsetxattr'),(190,'fsetxattr'),(191,'getxattr'),(192,'lgetxattr'),
(193,'fgetxattr'),(194,'listxattr'),(195,'llistxattr'),(196,'flistxattr'),(197,'removexattr'),
(198,'lremovexattr'),(199,'fremovexattr'),(200,'tkill'),(201,'time'),(202,'futex'),(203,'sched_setaffinity'),
(204,'sched_getaffinity'),(205,'set_thread_area'),(206,'io_setup'),(207,'io_destroy'),(208,'io_getevents'),
(209,'io_submit'),(210,'io_cancel'),(211,'get_thread_area'),(212,'lookup_dcookie'),(213,'epoll_create'),
(214,'epoll_ctl_old'),(215,'epoll_wait_old'),(216,'remap_file_pages'),(217,'getdents64'),
(218,'set_tid_address'),(219,'restart_syscall'),(220,'semtimedop'),(221,'fadvise64'),(222,'timer_create'),
(223,'timer_settime'),(224,'timer_gettime'),(225,'timer_getoverrun'),(226,'timer_delete'),(227,'clock_settime'),
(228,'clock_gettime'),(229,'clock_getres'),(230,'clock_nanosleep'),(231,'exit_group'),(232,'epoll_wait'),
(233,'epoll_ctl'),(234,'tgkill'),(235,'utimes'),(236,'vserver'),(237,'mbind'),(238,'set_mempolicy'),
(239,'get_mempolicy'),(240,'mq_open'),(241,'mq_unlink'),(242,'mq_timedsend'),(243,'mq_timedreceive'),
(244,'mq_notify'),(245,'mq_getsetattr'),(246,'kexec_load'),(247,'waitid'),(248,'add_key'),(249,'request_key'),
(250,'keyctl'),(251,'ioprio_set'),(252,'ioprio_get'),(253,'inotify_init'),(254,'inotify_add_watch'),
(255,'inotify_rm_watch'),(256,'migrate_pages'),(257,'openat'),(258,'mkdirat'),(259,'mknodat'),(260,'fchownat'),
(261,'futimesat'),(262,'newfstatat'),(263,'unlinkat'),(264,'renameat'),(265,'linkat'),(266,'symlinkat'),
(267,'readlinkat'),(268,'fchmodat'),(269,'faccessat'),(270,'pselect6'),(271,'ppoll'),(272,'unshare'),
(273,'set_robust_list'),(274,'get_robust_list'),(275,'splice'),(276,'tee'),(277,'sync_file_range'),
(278,'vmsplice'),(279,'move_pages'),(280,'utimensat'),(281,'epoll_pwait'),(282,'signalfd'),
(283,'timerfd_create'),(284,'eventfd'),(285,'fallocate'),(286,'timerfd_settime'),(287,'timerfd_gettime'),
(288,'accept4'),(289,'signalfd4'),(290,'eventfd2'),(291,'epoll_create1'),(292,'dup3'),(293,'pipe2'),
(294,'inotify_init1'),(295,'preadv'),(296,'pwritev'),(297,'rt_tgsigqueueinfo'),(298,'perf_event_open'),
(299,'recvmmsg'),(300,'fanotify_init'),(301,'fanotify_mark'),(302,'prlimit64'),(303,'name_to_handle_at'),
(304,'open_by_handle_at'),(305,'clock_adjtime'),(306,'syncfs'),(307,'sendmmsg'),(308,'setns'),(309,'getcpu'),
(310,'process_vm_readv'),(311,'process_vm_writev'),(312,'kcmp'),(313,'finit_module'),(314,'sched_setattr'),
(315,'sched_getattr'),(316,'renameat2'),(317,'seccomp'),(318,'getrandom'),(319,'memfd_create'),
(320,'kexec_file_load'),(321,'bpf'),(322,'execveat'),(323,'userfaultfd'),(324,'membarrier'),(325,'mlock2'),
(326,'copy_file_range'),(327,'preadv2'),(328,'pwritev2'),(329,'pkey_mprotect'),(330,'pkey_alloc'),
(331,'pkey_free'),(332,'statx'),(333,'io_pgetevents'),(334,'rseq'),(335,'uretprobe'),(336,'uprobe'),
(424,'pidfd_send_signal'),(425,'io_uring_setup'),(426,'io_uring_enter'),(427,'io_uring_register'),
(428,'open_tree'),(429,'move_mount'),(430,'fsopen'),(431,'fsconfig'),(432,'fsmount'),(433,'fspick'),
(434,'pidfd_open'),(435,'clone3'),(436,'close_range'),(437,'openat2'),(438,'pidfd_getfd'),(439,'faccessat2'),
(440,'process_madvise'),(441,'epoll_pwait2'),(442,'mount_setattr'),(443,'quotactl_fd'),
(444,'landlock_create_ruleset'),(445,'landlock_add_rule'),(446,'landlock_restrict_self'),(447,'memfd_secret'),
(448,'process_mrelease'),(449,'futex_waitv'),(450,'set_mempolicy_home_node'),(451,'cachestat'),
(452,'fchmodat2'),(453,'map_shadow_stack'),(454,'futex_wake'),(455,'futex_wait'),(456,'futex_requeue'),
(457,'statmount'),(458,'listmount'),(459,'lsm_get_self_attr'),(460,'lsm_set_self_attr'),
(461,'lsm_list_modules'),(462,'mseal');

CREATE VIEW v_syscall AS
-- System calls that failed, and those of descriptors, with names for numbers.
SELECT syscall.id AS id, -- syscall.id
	datetime((syscall.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (syscall.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; entry of the call
	syscall.enter_ns / 1e9 AS seconds, -- s; the same since the boot
	syscall.duration_ns / 1e3 AS microseconds, -- us; from entry to return
	syscall.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	syscall.tid AS tid, -- thread
	space.comm AS comm, -- command name of the address space
	coalesce(syscall_name.name, syscall.number) AS call, -- name of the system call, else its number
	CASE WHEN syscall.result BETWEEN -4095 AND -1 THEN -syscall.result END AS error,
		-- errno of a call that failed; NULL for one that succeeded
	syscall.result AS result, -- what the call returned
	syscall.a0 AS a0, -- first argument
	syscall.a1 AS a1, -- second argument
	syscall.a2 AS a2, -- third argument
	printf('0x%x', syscall.ip) AS ip -- address; just after the system call instruction
FROM syscall
LEFT JOIN syscall_name ON syscall_name.number = syscall.number
LEFT JOIN space ON space.id = syscall.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

DROP VIEW v_effect;
CREATE VIEW v_effect AS
-- What each memory event did to its address space, as half-open ranges of whole pages; NULL for an empty range. Says
-- the same as memory_event_effect() in replay/effect.c, whose comments give the reasons.
-- 4611686018427387904 is 2^62: an address or a length beyond it is a lie and makes no range.
SELECT id AS id, -- event.id
	space_id AS space_id, -- space.id
	tid AS tid, -- thread that called, in the initial pid namespace
	kind AS kind, -- memory_kind.kind
	enter_ns AS enter_ns, -- ns; entry of the call
	CASE WHEN removed_at & 4095 = 0 AND removed_at BETWEEN 0 AND 4611686018427387903
			AND removed_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed_at END AS removed_start, -- address; begin of what the call took away; NULL for nothing
	CASE WHEN removed_at & 4095 = 0 AND removed_at BETWEEN 0 AND 4611686018427387903
			AND removed_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed_at + removed_bytes END AS removed_end, -- address; end of it
	CASE WHEN removed2_at & 4095 = 0 AND removed2_at BETWEEN 0 AND 4611686018427387903
			AND removed2_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed2_at END AS removed2_start, -- address; begin of what mremap covered at its new place; NULL for nothing
	CASE WHEN removed2_at & 4095 = 0 AND removed2_at BETWEEN 0 AND 4611686018427387903
			AND removed2_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed2_at + removed2_bytes END AS removed2_end, -- address; end of it
	CASE WHEN added_at & 4095 = 0 AND added_at BETWEEN 0 AND 4611686018427387903
			AND added_bytes BETWEEN 1 AND 4611686018427387904
		THEN added_at END AS added_start, -- address; begin of what stands there since; NULL for nothing
	CASE WHEN added_at & 4095 = 0 AND added_at BETWEEN 0 AND 4611686018427387903
			AND added_bytes BETWEEN 1 AND 4611686018427387904
		THEN added_at + added_bytes END AS added_end, -- address; end of it
	CASE WHEN touched_at & 4095 = 0 AND touched_at BETWEEN 0 AND 4611686018427387903
			AND touched_bytes BETWEEN 1 AND 4611686018427387904
		THEN touched_at END AS touched_start,
		-- address; begin of what got another protection or lost its contents; NULL for nothing
	CASE WHEN touched_at & 4095 = 0 AND touched_at BETWEEN 0 AND 4611686018427387903
			AND touched_bytes BETWEEN 1 AND 4611686018427387904
		THEN touched_at + touched_bytes END AS touched_end -- address; end of it
FROM (
	SELECT id, space_id, tid, kind, enter_ns,
		CASE WHEN done THEN CASE kind
			WHEN 2 THEN CASE WHEN a3 & 0x100010 = 0x10 THEN result END
			WHEN 3 THEN a0
			WHEN 4 THEN CASE
				WHEN a3 & 4 THEN NULL
				WHEN in_place THEN CASE WHEN a0 >= 0 AND pages2 < pages1 THEN a0 + pages2 END
				ELSE a0 END
			WHEN 8 THEN CASE WHEN pages_result < pages1 THEN pages_result END
			WHEN 9 THEN CASE WHEN a2 & 0x4000 THEN result END -- SHM_REMAP
			WHEN 10 THEN a0
		END END AS removed_at,
		CASE kind
			WHEN 2 THEN mmap_bytes
			WHEN 4 THEN CASE WHEN in_place THEN pages1 - pages2 ELSE pages1 END
			WHEN 8 THEN pages1 - pages_result
			WHEN 9 THEN pages3
			ELSE pages1
		END AS removed_bytes,
		CASE WHEN done AND kind = 4 AND a3 & 2 AND NOT in_place THEN result END AS removed2_at,
		pages2 AS removed2_bytes,
		CASE WHEN done THEN CASE kind
			WHEN 1 THEN a0
			WHEN 2 THEN result
			WHEN 4 THEN CASE
				WHEN in_place THEN CASE WHEN a0 >= 0 AND pages2 > pages1 THEN a0 + pages1 END
				ELSE result END
			WHEN 8 THEN CASE WHEN pages_result > pages1 THEN pages1 END
			WHEN 9 THEN result
		END END AS added_at,
		CASE kind
			WHEN 1 THEN pages1
			WHEN 2 THEN mmap_bytes
			WHEN 4 THEN CASE WHEN in_place THEN pages2 - pages1 ELSE pages2 END
			WHEN 8 THEN pages_result - pages1
			ELSE pages3
		END AS added_bytes,
		CASE WHEN done THEN CASE kind
			WHEN 4 THEN CASE WHEN a3 & 4 THEN a0 END
			WHEN 5 THEN a0
			WHEN 6 THEN a0
			WHEN 7 THEN CASE WHEN a2 IN (4, 8, 9, 24, 102, 103) THEN a0 END
		END END AS touched_at,
		pages1 AS touched_bytes
	FROM (
		SELECT id, space_id, tid, kind, enter_ns, result, a0, a1, a2, a3,
			CASE kind
				WHEN 1 THEN 1
				WHEN 2 THEN result NOT BETWEEN -4095 AND -1
				WHEN 4 THEN result NOT BETWEEN -4095 AND -1
					AND a1 BETWEEN 0 AND 4611686018427387904
					AND a2 BETWEEN 0 AND 4611686018427387904
				WHEN 8 THEN a1 BETWEEN 0 AND 4611686018427387904
					AND result BETWEEN 0 AND 4611686018427387904
				-- These advices pass over holes and then return ENOMEM.
				WHEN 7 THEN result = 0 OR (result = -12 AND a2 IN (4, 8, 24))
				WHEN 9 THEN result NOT BETWEEN -4095 AND -1
				ELSE result = 0
			END AS done,
			kind = 4 AND a1 <> 0 AND a3 & 4 = 0 AND result = a0 AS in_place,
			-- An anonymous MAP_HUGETLB mapping rounds up to the huge page that its flags name, else 2 MiB.
			CASE WHEN a3 & 0x40000 = 0 THEN (a1 + 4095) & -4096
				WHEN (a3 >> 26) & 63 BETWEEN 12 AND 40
				THEN (a1 + (1 << ((a3 >> 26) & 63)) - 1) & -(1 << ((a3 >> 26) & 63))
				ELSE (a1 + 0x1fffff) & -0x200000
			END AS mmap_bytes,
			(a1 + 4095) & -4096 AS pages1,
			(a2 + 4095) & -4096 AS pages2,
			(a3 + 4095) & -4096 AS pages3,
			(result + 4095) & -4096 AS pages_result
		FROM event
	)
);

INSERT INTO gap_cause (cause, name) VALUES (8, 'filter did not match yet');
