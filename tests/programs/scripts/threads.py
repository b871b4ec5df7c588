import queue, threading, time

lock, condition, event = threading.Lock(), threading.Condition(), threading.Event()
barrier, semaphore, local = threading.Barrier(3), threading.Semaphore(2), threading.local()
total, turn, order = 0, 0, []


def add(n):
    global total
    for _ in range(500):
        with lock:
            total += n


def alternate(me):
    global turn
    for _ in range(5):
        with condition:
            while turn % 3 != me:
                condition.wait()
            order.append(me)
            turn += 1
            condition.notify_all()


def meet(n):
    local.value = n
    barrier.wait()
    with semaphore:
        assert local.value == n


def each(target, *arguments):
    threads = [threading.Thread(target=target, args=(a,)) for a in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


each(add, 1, 2, 3)
each(alternate, 0, 1, 2)
each(meet, 0, 1, 2)
print(total, order)
work, done = queue.Queue(3), queue.Queue()


def worker(_):
    while (item := work.get()) is not None:
        done.put(item * item)


workers = [threading.Thread(target=worker, args=(i,)) for i in range(3)]
for w in workers:
    w.start()
for i in range(20):
    work.put(i)
for _ in workers:
    work.put(None)
for w in workers:
    w.join()
print(sorted(done.get() for _ in range(20)))
timer = threading.Timer(0.01, event.set)
timer.start()
print(event.wait(10), event.wait(0))
print(condition.acquire() and condition.wait(0.01))
# A thread that never lets go of the interpreter by itself is made to.
flag = []
spinner = threading.Thread(target=lambda: flag.append(0) or [None for _ in iter(lambda: len(flag) < 2, False)])
spinner.start()
flag.append(1)
spinner.join()
print(threading.active_count())
