/* runtime/fiber/fiber_switch_x86_64.S -- leaves one stack and goes on with another.
 *
 * It ends in `jmp`, not `ret`: the return predictor would miss every time. Unwinders, gdb and perf see ordinary frames
 * before and after the change of stacks, as both have the same layout, and stop at fiber_switch_first_frame. */

        .text

/* void fiber_switch(void **save, void *load) */
        .globl  fiber_switch
        .type   fiber_switch, @function
        .p2align 4
fiber_switch:
        .cfi_startproc
        pop     %rdx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdx
        push    %rbp
        .cfi_adjust_cfa_offset 8
        push    %rbx
        .cfi_adjust_cfa_offset 8
        push    %r12
        .cfi_adjust_cfa_offset 8
        push    %r13
        .cfi_adjust_cfa_offset 8
        push    %r14
        .cfi_adjust_cfa_offset 8
        push    %r15
        .cfi_adjust_cfa_offset 8
        push    %rdx
        .cfi_adjust_cfa_offset 8
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %rdx
        .cfi_adjust_cfa_offset -8
        pop     %r15
        .cfi_adjust_cfa_offset -8
        pop     %r14
        .cfi_adjust_cfa_offset -8
        pop     %r13
        .cfi_adjust_cfa_offset -8
        pop     %r12
        .cfi_adjust_cfa_offset -8
        pop     %rbx
        .cfi_adjust_cfa_offset -8
        pop     %rbp
        .cfi_adjust_cfa_offset -8
        jmp     *%rdx
        .cfi_endproc
        .size   fiber_switch, .-fiber_switch

/* Where a new fiber arrives: %rsp is a multiple of 16, so that the call leaves it as the ABI wants it. */
        .type   fiber_switch_first_frame, @function
        .p2align 4
fiber_switch_first_frame:
        .cfi_startproc
        .cfi_undefined %rip
        mov     %r12, %rdi
        call    *%rbx
        ud2
        .cfi_endproc
        .size   fiber_switch_first_frame, .-fiber_switch_first_frame

/* void *fiber_switch_prepare(void *top, void (*entry)(void *), void *argument): the seven words that fiber_switch pops */
        .globl  fiber_switch_prepare
        .type   fiber_switch_prepare, @function
        .p2align 4
fiber_switch_prepare:
        .cfi_startproc
        lea     -56(%rdi), %rax
        lea     fiber_switch_first_frame(%rip), %rcx
        mov     %rcx, (%rax)            /* where to jump */
        movq    $0, 8(%rax)             /* r15 */
        movq    $0, 16(%rax)            /* r14 */
        movq    $0, 24(%rax)            /* r13 */
        mov     %rdx, 32(%rax)          /* r12: the argument */
        mov     %rsi, 40(%rax)          /* rbx: the entry */
        movq    $0, 48(%rax)            /* rbp: the end of the chain of frames */
        ret
        .cfi_endproc
        .size   fiber_switch_prepare, .-fiber_switch_prepare

        .section .note.GNU-stack, "", @progbits
