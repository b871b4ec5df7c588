import multiprocessing as mp, os, sys, asyncio, subprocess, signal, time, select
def work(x): return x*x
def child(q): q.put(os.getpid()!=0)
if __name__=="__main__":
    print(subprocess.check_output("echo a b | wc -w; exit 0",shell=True))
    p=subprocess.Popen(["cat"],stdin=subprocess.PIPE,stdout=subprocess.PIPE); print(p.communicate(b"hey"))
    p=subprocess.Popen(["sleep","100"]); p.terminate(); print(p.wait())
    mp.set_start_method("fork")
    with mp.Pool(2) as pool: print(pool.map(work,range(5)))
    q=mp.Queue(); pr=mp.Process(target=child,args=(q,)); pr.start(); print(q.get()); pr.join(); print(pr.exitcode)
    v=mp.Value("i",0)
    def inc():
        for _ in range(100):
            with v.get_lock(): v.value+=1
    ps=[mp.Process(target=inc) for _ in range(3)]; [x.start() for x in ps]; [x.join() for x in ps]; print(v.value)
    async def srv():
        async def h(r,w):
            d=await r.readline(); w.write(d.upper()); await w.drain(); w.close()
        s=await asyncio.start_server(h,"127.0.0.1",0); port=s.sockets[0].getsockname()[1]
        r,w=await asyncio.open_connection("127.0.0.1",port); w.write(b"abc\n"); print(await r.readline()); w.close(); s.close()
        pr=await asyncio.create_subprocess_exec("echo","async",stdout=subprocess.PIPE); print((await pr.communicate())[0])
        await asyncio.wait_for(asyncio.sleep(0.01),1)
        print(await asyncio.gather(*[asyncio.to_thread(work,i) for i in range(3)]))
    asyncio.run(srv())
    signal.signal(signal.SIGALRM,lambda s,f: print("alarm")); signal.setitimer(signal.ITIMER_REAL,0.01); signal.pause()
