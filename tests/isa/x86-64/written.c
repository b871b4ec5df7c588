#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
typedef int (*fn)(int);
int main(void){
  unsigned char *p = mmap(0, 8192, 7, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
  long sum=0;
  for (int i=0;i<3000;i++){
    unsigned char code[]={0x8d,0x47,(unsigned char)(i&63),0xc3}; /* lea eax,[rdi+i]; ret */
    memcpy(p+ (i%7)*16, code, 4);
    sum += ((fn)(p+(i%7)*16))(i);
  }
  printf("%ld\n", sum);
  /* code that changes the instruction behind it: mov byte [rip+0], imm ; mov al, imm */
  unsigned char self[]={0x40,0x88,0x3d,0x01,0,0,0, 0xb0,0x00, 0x0f,0xb6,0xc0, 0xc3}; /* mov [rip+1], dil ; mov al,imm8 ; movzx eax,al ; ret */
  memcpy(p+256,self,sizeof self);
  sum=0; for(int i=0;i<20000;i++) sum+=((fn)(p+256))(i&127);
  printf("%ld\n",sum);
  /* across a page */
  unsigned char across[]={0xb8,1,2,3,4,0xc3};
  memcpy(p+4094,across,6); printf("%x\n",((fn)(p+4094))(0)); p[4097]=0x55; printf("%x\n",((fn)(p+4094))(0));
  mprotect(p,8192,5); printf("%x\n",((fn)(p+4094))(0));
  return 0;
}
